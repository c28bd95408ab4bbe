"""Opens targets as they are listed now, if they still lead where people were told."""

import os
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from placet.domain.errors import ConflictError, UnavailableError
from placet.policy.files import FileError
from placet.publishing.config import DirectorySpec, S3Spec, Spec, TargetList, WebhookSpec
from placet.publishing.directory import DirectoryTarget
from placet.publishing.s3 import Bucket, S3Target
from placet.publishing.target import Target
from placet.publishing.webhook import WebhookTarget


class ListedTargets:
    """The targets of a list that is read again at each use: a correction counts at once."""

    def __init__(
        self, read: Callable[[], TargetList], environment: Mapping[str, str] | None = None
    ) -> None:
        """Read the list by ``read``, and secrets from ``environment``: the process's if None."""
        self._read = read
        self._environment = os.environ if environment is None else environment

    @property
    def give_up_after(self) -> timedelta:
        """Return for how long a target may be away.

        Raises:
            UnavailableError: The list cannot be used now.
        """
        return self._list().give_up_after

    def in_order(self, approved: Mapping[str, str]) -> dict[str, str]:
        """Return the approved targets in the order to switch them: what cannot be undone, last.

        Args:
            approved: Name of each target to where it led when people agreed.

        Raises:
            ConflictError: One leads elsewhere now, or is not listed any more.
            UnavailableError: The list cannot be used now.
        """
        listed = self._list()
        last = {name: self._spec(listed, name, at).after_others for name, at in approved.items()}
        return {name: approved[name] for name in sorted(approved, key=lambda n: (last[n], n))}

    def open(self, name: str, location: str) -> Target:
        """Return a target.

        Raises:
            ConflictError: It leads elsewhere than to ``location``, or is not listed any more.
            UnavailableError: The list cannot be used now, or a secret is not set.
        """
        spec = self._spec(self._list(), name, location)
        match spec:
            case DirectorySpec():
                return DirectoryTarget(Path(url2pathname(urlsplit(location).path)))
            case S3Spec():
                return S3Target(self._bucket(spec))
            case WebhookSpec():
                try:
                    return WebhookTarget(spec.url, self._secret(spec.secret_env), spec.max_bytes)
                except ValueError:
                    raise UnavailableError(
                        f"{spec.secret_env} holds no secret to sign with; set it to whsec_ and "
                        "24 to 64 random bytes in base64"
                    ) from None

    def _bucket(self, spec: S3Spec) -> Bucket:
        return Bucket(
            endpoint=spec.server,
            region=spec.region,
            bucket=spec.bucket,
            prefix=spec.prefix,
            access_key=spec.access_key_env and self._secret(spec.access_key_env),
            secret_key=spec.secret_key_env and self._secret(spec.secret_key_env),
        )

    def _list(self) -> TargetList:
        try:
            return self._read()
        except FileError as error:
            raise UnavailableError(f"the list of targets cannot be used: {error}") from None

    def _secret(self, variable: str) -> str:
        value = self._environment.get(variable)
        if not value:
            raise UnavailableError(
                f"the environment variable {variable} is not set; set it for the worker"
            )
        return value

    @staticmethod
    def _spec(listed: TargetList, name: str, location: str) -> Spec:
        spec = listed.specs.get(name)
        if spec is None:
            raise ConflictError(
                f"publishing to {name} at {location} was approved, and there is no target {name} "
                "any more; list it again, or submit again without it"
            )
        now = spec.location(listed.home)
        if now != location:
            raise ConflictError(
                f"publishing to {name} at {location} was approved, and {name} leads to {now} now; "
                "submit it again"
            )
        return spec
