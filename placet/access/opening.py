"""Opens targets as they are listed now, with what is in the environment of this process."""

import os
from collections.abc import Callable, Mapping

import psycopg
from psycopg import conninfo

from placet.access.postgres import PostgresAccess
from placet.access.target import AccessTarget
from placet.access.webhook import WebhookAccess
from placet.domain.access_roles import RoleCatalogue, TargetSpec
from placet.domain.errors import UnavailableError


class ListedAccess:
    """The targets of a catalogue that is read again at each use: a correction counts at once."""

    def __init__(
        self, read: Callable[[], RoleCatalogue], environment: Mapping[str, str] | None = None
    ) -> None:
        """Read the catalogue by ``read``, secrets from ``environment``: the process's if None."""
        self._read = read
        self._environment = os.environ if environment is None else environment

    def catalogue(self) -> RoleCatalogue:
        """Return the catalogue as it is now."""
        return self._read()

    def open(self, name: str) -> AccessTarget:
        """Return a target.

        Raises:
            UnavailableError: It is not listed any more, or what opens it is not set.
        """
        spec = self._read().targets.get(name)
        if spec is None:
            raise UnavailableError(
                f"access-roles.yaml lists no target {name}; list it "
                "again as it was, until nobody has a role there by Placet any more"
            )
        return self._webhook(spec) if spec.kind == "webhook" else self._postgres(spec)

    def _postgres(self, spec: TargetSpec) -> PostgresAccess:
        variable = spec.url_env or ""
        url = self._secret(variable)
        try:
            conninfo.conninfo_to_dict(url)
        except psycopg.Error:
            raise UnavailableError(
                f"{variable} is not a Postgres connection string: write it like "
                "postgresql://granter@db.example.com/shop, with special characters percent-encoded"
            ) from None
        return PostgresAccess(url, variable)

    def _webhook(self, spec: TargetSpec) -> WebhookAccess:
        variable = spec.secret_env or ""
        try:
            return WebhookAccess(spec.url or "", self._secret(variable))
        except ValueError:
            raise UnavailableError(
                f"{variable} holds no secret to sign with; set it to whsec_ and 24 to 64 random "
                "bytes in base64"
            ) from None

    def _secret(self, variable: str) -> str:
        value = self._environment.get(variable)
        if not value:
            raise UnavailableError(
                f"the environment variable {variable} is not set; set it for the workers"
            )
        return value
