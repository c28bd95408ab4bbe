"""The places of checkpoints, from ``seal.yaml``: where each leads, and never what opens it.

Secrets are in environment variables, which the file only names.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from placet.domain.base import Model
from placet.domain.calendar import Duration, Span
from placet.domain.problems import Problem
from placet.domain.publication import TargetName
from placet.policy.files import Document, FileError, model_by_kind, model_from, read
from placet.policy.loader import SEAL_FILE
from placet.proof.note import COSIGNATURE, NoteError, parse_key
from placet.publishing import config as publishing
from placet.publishing.config import Url
from placet.settings import Settings

CHECKPOINTS = Path("checkpoints")
_AN_HOUR = Span(days=0, minutes=60)
_NAME: TypeAdapter[str] = TypeAdapter(TargetName)
_KEY_FIELDS = ("access_key_env", "secret_key_env")


def _witness_key(text: str) -> str:
    try:
        if parse_key(text).type == COSIGNATURE:
            return text
    except NoteError as error:
        raise ValueError(str(error)) from None
    raise ValueError("is the key of a log; give the one that the witness prints at its start")


class DirectorySpec(Model):
    """A directory, best of another machine.

    Attributes:
        path: Relative to ``PLACET_HOME``, or absolute.
        every_seconds: How often a checkpoint is brought there at most.
    """

    kind: Literal["directory"]
    path: Path = CHECKPOINTS
    every_seconds: int = Field(default=1, ge=0, le=86_400)


class BucketSpec(publishing.S3Spec):
    """A bucket of S3-compatible storage, best with an object lock.

    Attributes:
        every_seconds: How often a checkpoint is brought there at most.
    """

    prefix: str = Field(default="checkpoints", pattern=publishing.PREFIX)
    every_seconds: int = Field(default=10, ge=0, le=86_400)


class WitnessSpec(Model):
    """A witness: a program of somebody else that cosigns what continues what it has seen.

    Attributes:
        url: Where it answers.
        key: What it prints at its start.
        every_seconds: How often it is asked at most.
    """

    kind: Literal["witness"]
    url: Url
    key: Annotated[str, AfterValidator(_witness_key)]
    every_seconds: int = Field(default=10, ge=0, le=86_400)


class StampSpec(Model):
    """An authority that says when a checkpoint existed (RFC 3161).

    Attributes:
        url: Where it answers.
        certificates: Files in PEM, up to which its certificate must lead; relative to the file.
        every: How often it is asked at most.
    """

    url: Url
    certificates: list[Path] = Field(min_length=1, max_length=20)
    every: Duration = Field(default=_AN_HOUR)


Spec = DirectorySpec | BucketSpec | WitnessSpec
_KINDS: Mapping[str, type[Spec]] = {
    "directory": DirectorySpec,
    "s3": BucketSpec,
    "witness": WitnessSpec,
}


class SealList(NamedTuple):
    """The places that there are.

    Attributes:
        home: What relative directories are relative to.
        specs: Each place by its name, in the order of the file.
        stamp: The authority, if there is one.
        folder: What the files of certificates are relative to.
        origin: The log's name.
    """

    home: Path
    specs: Mapping[str, Spec]
    stamp: StampSpec | None
    folder: Path
    origin: str


class _File(Model):
    places: dict[str, dict[str, object]] = Field(min_length=1, max_length=20)
    stamp: StampSpec | None = None


def read_places(settings: Settings) -> SealList:
    """Read the list; without a file, there is one directory in ``PLACET_HOME``.

    Raises:
        FileError: The file cannot be used; each line of the message is a mistake and its place.
    """
    path = settings.seal or settings.policies / SEAL_FILE
    if settings.seal is None and not path.exists():
        specs = {"local": DirectorySpec(kind="directory")}
        return SealList(settings.home, specs, None, path.parent, settings.ledger_name)
    return parse_places(read(path), settings, path.parent)


def parse_places(document: Document, settings: Settings, folder: Path) -> SealList:
    """Return the places that ``document`` lists.

    Raises:
        FileError: With every mistake and its place.
    """
    file = model_from(document, _File)
    mistakes: list[str] = []
    specs: dict[str, Spec] = {}
    for name in file.places:
        try:
            specs[name] = _spec(document, name)
        except FileError as error:
            mistakes.append(str(error))
    if mistakes:
        raise FileError("\n".join(mistakes))
    return SealList(settings.home, specs, file.stamp, folder, settings.ledger_name)


def _spec(document: Document, name: str) -> Spec:
    path = ("places", name)
    try:
        _NAME.validate_python(name)
    except ValidationError:
        text = "write a name of lower-case letters, digits and hyphens"
        raise document.error([Problem(path, text)]) from None
    spec: Spec = model_by_kind(document, path, _KINDS)
    if isinstance(spec, BucketSpec):
        missing = [key for key in _KEY_FIELDS if getattr(spec, key) is None]
        if len(missing) == 1:
            problem = Problem((*path, missing[0]), "is missing; give both, or neither")
            raise document.error([problem])
    return spec
