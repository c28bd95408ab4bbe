"""What an auditor has pinned: the keys that count, from ``trust.json``; never part of a bundle."""

import base64
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from .findings import MissingError, UnusableError, plural
from .note import COSIGNATURE, SIGNATURE, NoteError, VerifierKey, parse_key

_KEY_BYTES = 32
_PARTS = {"log", "people", "retired", "timestamp", "unsigned_before", "witnesses", "writers"}
_T = TypeVar("_T")


class Trust(NamedTuple):
    """The keys that count.

    Attributes:
        origin: The log's name.
        log: Keys that sign its checkpoints.
        writers: Keys that sign events, by the name and id that events have.
        witnesses: Keys of witnesses.
        quorum: How many of them must have cosigned the newest checkpoint.
        people: Public keys (32 bytes) that sign decisions, by the person's id and the key's.
        unsigned_before: Events at positions before this one may be without a signature.
        retired: From which position on a writer's key signs nothing any more, by its name and id.
        timestamp: Certificates, in PEM, that a time-stamp authority's must lead to.
    """

    origin: str
    log: tuple[VerifierKey, ...]
    writers: dict[str, VerifierKey]
    witnesses: tuple[VerifierKey, ...]
    quorum: int
    people: dict[str, dict[str, bytes]]
    unsigned_before: int
    retired: dict[str, int]
    timestamp: tuple[str, ...] = ()


def read_trust(path: Path) -> Trust:
    """Read a trust file.

    Raises:
        UnusableError: It is none, or something in it is unknown: what is misspelt must not be lost.
    """
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        _only_known(_one(told, dict))
        witnesses = told.get("witnesses", {"keys": [], "quorum": 0})
        trust = Trust(
            origin=_one(told["log"]["origin"], str),
            log=_keys(told["log"]["keys"], SIGNATURE),
            writers={key.short: key for key in _keys(told["writers"], SIGNATURE)},
            witnesses=_keys(witnesses["keys"], COSIGNATURE),
            quorum=_one(witnesses["quorum"], int),
            people={who: _people(keys) for who, keys in told.get("people", {}).items()},
            unsigned_before=_one(told.get("unsigned_before", 0), int),
            retired={key: _one(at, int) for key, at in told.get("retired", {}).items()},
            timestamp=tuple(_one(each, str) for each in told.get("timestamp", ())),
        )
        _only_of(trust.writers, trust.retired)
    except OSError as error:
        raise MissingError(f"{path}: {error.strerror}; name the file of pinned keys") from None
    except UnicodeDecodeError:
        raise UnusableError(
            f"{path} is no trust file: it is no text in UTF-8; make one with `audit trust`"
        ) from None
    except KeyError as error:
        raise UnusableError(f"{path} has no {error}; make one with `audit trust`") from None
    except json.JSONDecodeError:
        raise UnusableError(
            f"{path} is no trust file: it is empty, or not one JSON document; make one with"
            " `audit trust`"
        ) from None
    except (TypeError, AttributeError, RecursionError):
        raise UnusableError(
            f"{path} is no trust file: a value in it has not the form that it must have; make one"
            " with `audit trust`"
        ) from None
    except ValueError as error:
        raise UnusableError(
            f"{path} is no trust file: {error}; make one with `audit trust`"
        ) from None
    if not trust.log:
        raise UnusableError(f"{path} pins no key of the log; make one with `audit trust`")
    if not 0 <= trust.quorum <= len(trust.witnesses):
        raise UnusableError(
            f"{path} wants {trust.quorum} of "
            f"{plural(len(trust.witnesses), 'witness', 'witnesses')}; add the others' keys, or"
            " correct the quorum"
        )
    return trust


def read_held(path: Path) -> str:
    """Read the note that an auditor has kept.

    Raises:
        MissingError: There is none.
        UnusableError: It is none.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise MissingError(f"{path}: {error.strerror}; name the note you kept") from None
    except UnicodeDecodeError:
        raise UnusableError(
            f"{path} is no note; name the file `checkpoint` that you kept"
        ) from None


def _only_known(told: dict[str, Any]) -> None:
    unknown = told.keys() - _PARTS
    if unknown:
        raise ValueError(f"nobody knows what {', '.join(sorted(unknown))} means there")


def _only_of(writers: Iterable[str], retired: Iterable[str]) -> None:
    strangers = set(retired).difference(writers)
    if strangers:
        raise ValueError(f"{min(strangers)!a} is retired there, and no key of a writer")


def _keys(texts: Iterable[str], of_type: int) -> tuple[VerifierKey, ...]:
    keys = tuple(map(parse_key, texts))
    wrong = [key.short for key in keys if key.type != of_type]
    if wrong:
        raise NoteError(f"{wrong[0]} is a key for another purpose")
    if len({key.public for key in keys}) != len(keys):
        raise NoteError("a key is named twice")
    return keys


def _people(keys: Iterable[dict[str, Any]]) -> dict[str, bytes]:
    return {_one(key["kid"], str): _public(key) for key in keys}


def _public(jwk: dict[str, Any]) -> bytes:
    raw = base64.urlsafe_b64decode(jwk["x"] + "==")
    if (jwk["kty"], jwk["crv"], len(raw)) != ("OKP", "Ed25519", _KEY_BYTES):
        raise ValueError(f"the key {jwk['kid']!r} is no Ed25519 key")
    return raw


def _one(value: Any, kind: Callable[..., _T]) -> _T:
    if type(value) is not kind:
        raise ValueError(f"{value!r} is not what must stand there")
    return value  # type: ignore[no-any-return]
