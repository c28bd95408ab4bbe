"""The list of targets, from ``targets.yaml``: where each leads, and never what opens it.

Secrets are in environment variables, which the list only names.
"""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, ClassVar, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from placet.domain.base import Model
from placet.domain.calendar import Duration, Span
from placet.domain.problems import Problem
from placet.domain.publication import TargetName
from placet.domain.variable import Variable
from placet.policy.files import Document, FileError, model_by_kind, model_from, read
from placet.policy.loader import TARGETS_FILE
from placet.settings import Settings

_BUCKET = r"^[a-z0-9][a-z0-9.-]{1,62}$"
PREFIX = r"^([A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*)?$"
_MIB = 1024 * 1024
_AN_HOUR = Span(days=0, minutes=60)


def _url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("is no URL of a server; write it as https://example.com/path")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError(
            "may hold no user, password, query or fragment: it is shown to everybody; take them out"
        )
    return url.rstrip("/")


Url = Annotated[str, AfterValidator(_url)]


class DirectorySpec(Model):
    """A directory that a web server serves.

    Attributes:
        path: Relative to ``PLACET_HOME``, or absolute.
    """

    after_others: ClassVar[bool] = False
    kind: Literal["directory"]
    path: Path

    def location(self, home: Path) -> str:
        """Say where it leads."""
        return (home / self.path).absolute().as_uri()


class S3Spec(Model):
    """A bucket of S3-compatible storage.

    Attributes:
        bucket: Its name.
        prefix: What every key begins with.
        region: As the server calls it.
        endpoint: The server; that of AWS in the region when left out.
        access_key_env: The variable that holds the id of the key; without it, the key is looked
            for where AWS's own tools look.
        secret_key_env: The variable that holds the key itself.
    """

    after_others: ClassVar[bool] = False
    kind: Literal["s3"]
    bucket: str = Field(pattern=_BUCKET)
    prefix: str = Field(default="live", pattern=PREFIX)
    region: str = Field(default="us-east-1", pattern=r"^[a-z0-9-]{1,40}$")
    endpoint: Url | None = None
    access_key_env: Variable | None = None
    secret_key_env: Variable | None = None

    @property
    def server(self) -> str:
        """Return the server's URL."""
        return self.endpoint or f"https://s3.{self.region}.amazonaws.com"

    def location(self, _: Path) -> str:
        """Say where it leads."""
        return f"{self.server}/{self.bucket}/{self.prefix}".rstrip("/")


class WebhookSpec(Model):
    """A server that is told of each change.

    Attributes:
        url: Where to post.
        secret_env: The variable that holds the secret to sign with, such as ``whsec_…``.
        max_bytes: The most it takes, of page and files together.
    """

    after_others: ClassVar[bool] = True
    kind: Literal["webhook"]
    url: Url
    secret_env: Variable
    max_bytes: int = Field(default=5 * _MIB, ge=1, le=20 * _MIB)

    def location(self, _: Path) -> str:
        """Say where it leads."""
        return self.url


Spec = DirectorySpec | S3Spec | WebhookSpec
_KINDS: Mapping[str, type[Spec]] = {
    "directory": DirectorySpec,
    "s3": S3Spec,
    "webhook": WebhookSpec,
}
_NAME: TypeAdapter[str] = TypeAdapter(TargetName)


class TargetList(NamedTuple):
    """The targets that there are.

    Attributes:
        home: What relative directories are relative to.
        give_up_after: For how long a target may be away before a change is given up.
        specs: Each target by its name, in the order of the file.
    """

    home: Path
    give_up_after: timedelta
    specs: Mapping[str, Spec]

    @property
    def locations(self) -> dict[str, str]:
        """Return where each target leads, without any secret."""
        return {name: spec.location(self.home) for name, spec in self.specs.items()}


class _File(Model):
    """The file as a whole; each target is read by its kind."""

    give_up_after: Duration = Field(default=_AN_HOUR)
    targets: dict[str, dict[str, object]] = Field(min_length=1)


def read_targets(settings: Settings) -> TargetList:
    """Read the list of targets; without a file, there is one directory named ``site``.

    Raises:
        FileError: The file cannot be used; each line of the message is a mistake and its place.
    """
    path = settings.targets or settings.policies / TARGETS_FILE
    if settings.targets is None and not path.exists():
        site = DirectorySpec(kind="directory", path=Path("site"))
        return TargetList(settings.home, _AN_HOUR.wall(), {"site": site})
    return parse_targets(read(path), settings.home)


def parse_targets(document: Document, home: Path) -> TargetList:
    """Return the targets that ``document`` lists.

    Raises:
        FileError: With every mistake and its place.
    """
    file = model_from(document, _File)
    mistakes: list[str] = []
    specs: dict[str, Spec] = {}
    for name in file.targets:
        try:
            specs[name] = _spec(document, name)
        except FileError as error:
            mistakes.append(str(error))
    if mistakes:
        raise FileError("\n".join(mistakes))
    return TargetList(home, file.give_up_after.wall(), specs)


def _spec(document: Document, name: str) -> Spec:
    path = ("targets", name)
    try:
        _NAME.validate_python(name)
    except ValidationError:
        text = "write a name of lower-case letters, digits and hyphens"
        raise document.error([Problem(path, text)]) from None
    spec: Spec = model_by_kind(document, path, _KINDS)
    keys = ("access_key_env", "secret_key_env")
    if isinstance(spec, S3Spec) and (spec.access_key_env is None) != (spec.secret_key_env is None):
        missing = next(key for key in keys if getattr(spec, key) is None)
        raise document.error([Problem((*path, missing), "is missing; give both, or neither")])
    return spec
