"""Opens the places that are listed, and the sealer that publishes to them."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from placet.connections import sealer_url
from placet.domain.errors import InvalidInputError
from placet.proof.note import parse_key
from placet.publishing.s3 import Bucket
from placet.sealing.archive import Archive
from placet.sealing.bucket import BucketPlace
from placet.sealing.config import (
    BucketSpec,
    DirectorySpec,
    SealList,
    Spec,
    StampSpec,
    WitnessSpec,
    read_places,
)
from placet.sealing.directory import DirectoryPlace
from placet.sealing.keys import LogKeys, open_log_keys
from placet.sealing.places import Place, Publisher
from placet.sealing.sealer import Pace, Sealer, Watch
from placet.sealing.witnesses import Witness
from placet.sealing.witnessing import StampPlace, WitnessPlace
from placet.settings import Settings

_LOOK_SECONDS = 60.0
"""How often it is seen to whether a time-stamp is due; the authority is asked less often."""


class PlaceError(InvalidInputError):
    """A place cannot be opened; the message says what is missing."""

    code = "seal-place"


def opener(
    listed: SealList, keys: LogKeys, environment: Mapping[str, str] | None = None
) -> Callable[[Archive], Sequence[Publisher]]:
    """Return what opens every place of a list.

    Args:
        listed: The places.
        keys: By which what they hold has to be signed.
        environment: Where the secrets are; the process's when None.

    Raises:
        PlaceError: A secret is not set.
    """
    secrets = os.environ if environment is None else environment

    def publishers(archive: Archive) -> Sequence[Publisher]:
        found = [
            Publisher(
                open_place(name, spec, listed, archive, secrets),
                archive,
                keys,
                every=spec.every_seconds,
            )
            for name, spec in listed.specs.items()
        ]
        if listed.stamp is not None:
            place = _stamp_place(listed.stamp, listed.folder, archive)
            found.append(Publisher(place, archive, keys, every=_LOOK_SECONDS, remembers=False))
        return found

    return publishers


def open_place(
    name: str, spec: Spec, listed: SealList, archive: Archive, secrets: Mapping[str, str]
) -> Place:
    """Return one place.

    Raises:
        PlaceError: A secret is not set.
    """
    match spec:
        case DirectorySpec():
            return DirectoryPlace(name, listed.home / spec.path)
        case BucketSpec():
            return BucketPlace(name, _bucket(spec, secrets))
        case WitnessSpec():
            witness = Witness(parse_key(spec.key), spec.url)
            return WitnessPlace(name, witness, listed.origin, archive)


def _stamp_place(spec: StampSpec, folder: Path, archive: Archive) -> Place:
    certificates = [folder / path for path in spec.certificates]
    return StampPlace(spec.url, certificates, spec.every.wall(), archive)


def _bucket(spec: BucketSpec, secrets: Mapping[str, str]) -> Bucket:
    return Bucket(
        endpoint=spec.server,
        region=spec.region,
        bucket=spec.bucket,
        prefix=spec.prefix,
        access_key=spec.access_key_env and _secret(spec.access_key_env, secrets),
        secret_key=spec.secret_key_env and _secret(spec.secret_key_env, secrets),
    )


def _secret(variable: str, secrets: Mapping[str, str]) -> str:
    value = secrets.get(variable)
    if not value:
        raise PlaceError(f"the environment variable {variable} is not set; set it for the sealer")
    return value


def build_sealer(settings: Settings, watch: Watch | None = None) -> Sealer:
    """Return the sealer of the ledger that ``settings`` name.

    Raises:
        UnavailableError: Nothing says where Postgres is.
        InvalidInputError: The list of places or a key cannot be used, or a secret is not set.
    """
    keys = open_log_keys(settings.keys, settings.ledger_name)
    places = opener(read_places(settings), keys)
    return Sealer(sealer_url(settings), keys, places, Pace(settings.seal_seconds), watch)
