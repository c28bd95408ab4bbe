"""Export and verify bundles of the ledger, and tell which keys an auditor should pin."""

import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from json import dumps
from pathlib import Path
from typing import Any

from placet.bundling import Progress, Wish, Written, write_bundle
from placet.cli.codes import Code
from placet.cli.console import as_json, out
from placet.cli.world import people
from placet.connections import database_url
from placet.domain.errors import InvalidInputError, NotFoundError
from placet.domain.plurals import plural
from placet.ledger.bundles import open_snapshot
from placet.personal.keys import FileKeys
from placet.proof.__main__ import progress_bar
from placet.proof.findings import MissingError, UnusableError
from placet.proof.note import COSIGNATURE, NoteError, parse_key
from placet.proof.report import as_json as report_as_json
from placet.proof.report import as_text
from placet.proof.trust import read_held, read_trust
from placet.proof.verify import verify
from placet.sealing.keys import open_log_keys
from placet.settings import Settings
from placet.signing import LOG_FILE, WRITER_FILE, open_signer


def export_bundle(  # noqa: PLR0913 - as many as the command has options
    path: Path,
    *,
    request: str | None,
    since: int | datetime | None,
    with_names: bool,
    unwitnessed: bool,
    json: bool,
) -> int:
    """Write a bundle, and say what is in it."""
    if request is not None and since is not None:
        raise InvalidInputError("a case is exported as a whole; leave out --since")
    settings = Settings.from_environment()
    wish = Wish(request, since, unwitnessed)
    keys = FileKeys(settings.keys) if with_names else None
    with open_snapshot(database_url(settings)) as snapshot:
        written = write_bundle(
            path.absolute(),
            snapshot,
            settings.ledger_name,
            wish,
            keys=keys,
            progress=_progress() if sys.stderr.isatty() else _quietly,
        )
    if json:
        as_json({"bundle": str(path), **written._asdict()})
    else:
        out(_told(path, written, wish))
    return Code.OK


def verify_bundle(path: Path, trust: Path, held: Path | None, *, json: bool) -> int:
    """Verify a bundle, and say what it proves.

    Returns:
        The exit code: that of "differs" when something is wrong.

    Raises:
        NotFoundError: A file is not there, or cannot be read.
        InvalidInputError: It is no bundle, no trust file or no note.
    """
    try:
        pinned = read_trust(trust)
        note = read_held(held) if held else None
        stamps = _stamps(pinned.timestamp) if pinned.timestamp else None
        report = verify(path, pinned, note, progress=progress_bar(), stamps=stamps)
    except MissingError as error:
        raise NotFoundError(str(error)) from None
    except UnusableError as error:
        raise InvalidInputError(str(error)) from None
    if json:
        as_json(report_as_json(report, pinned))
    else:
        out(as_text(report, pinned).rstrip("\n"))
    return Code.DIFFERS if report.findings.counts else Code.OK


def _stamps(roots: Sequence[str]) -> Callable[[bytes, bytes], datetime]:
    """Return what checks time-stamps by the pinned certificates."""
    from placet.sealing.stamps import StampError, check_stamp  # noqa: PLC0415 - it is rarely wanted

    def stamped(stamp: bytes, text: bytes) -> datetime:
        try:
            return check_stamp(stamp, text, [root.encode() for root in roots])
        except StampError as error:
            raise ValueError(str(error)) from None

    return stamped


def print_trust(
    witnesses: list[str], quorum: int | None, timestamp: list[Path], *, json: bool
) -> int:
    """Print what an auditor pins: as JSON in any case, over several lines for people."""
    settings = Settings.from_environment()
    try:
        keys = [parse_key(each) for each in witnesses]
    except NoteError as error:
        raise InvalidInputError(
            f"--witness: {error}; take the line that the witness printed when it started"
        ) from None
    if any(key.type != COSIGNATURE for key in keys):
        raise InvalidInputError(
            "--witness: this is the key of a ledger; take the line that the witness printed when "
            "it started"
        )
    if quorum is not None and quorum > len(keys):
        named = plural(len(keys), "witness", "witnesses")
        raise InvalidInputError(
            f"--quorum {quorum} is more than the {named} named; name more with --witness KEY, or "
            "write a smaller number"
        )
    name = settings.ledger_name
    told: dict[str, Any] = {
        "log": {"origin": name, "keys": _log_keys(settings)},
        "writers": [_public(settings.keys / WRITER_FILE, f"{name}/writer")],
        "witnesses": {
            "keys": [str(key) for key in keys],
            "quorum": len(keys) if quorum is None else quorum,
        },
        "people": _people(settings),
    }
    if timestamp:
        told["timestamp"] = [_pem(path) for path in timestamp]
    if json:
        as_json(told)
    else:
        out(dumps(told, indent=2))
    return Code.OK


def _pem(path: Path) -> str:
    try:
        text = path.read_text(encoding="ascii")
    except OSError as error:
        raise NotFoundError(
            f"--timestamp: {path}: {error.strerror}; name a file that can be read"
        ) from None
    except UnicodeDecodeError:
        text = ""
    if "BEGIN CERTIFICATE" not in text:
        raise InvalidInputError(
            f"--timestamp: {path} is no certificate in PEM; ask the authority for it"
        )
    return text


def _log_keys(settings: Settings) -> list[str]:
    """Return the log's key, and those before it: older checkpoints are signed by them."""
    _require(settings.keys / LOG_FILE)
    return [str(key) for key in open_log_keys(settings.keys, settings.ledger_name).known]


def _public(path: Path, name: str) -> str:
    _require(path)
    return str(open_signer(path, name).key)


def _require(path: Path) -> None:
    # Opening it would make a key where there is none, which nothing was ever signed with.
    if not path.exists():
        raise NotFoundError(
            f"{path} is not there yet; start a worker and the sealer, or correct PLACET_KEYS"
        )


def _people(settings: Settings) -> dict[str, Any]:
    return {
        person.id: [key.jwk() for key in person.keys]
        for person in people(settings).people
        if person.keys
    }


def _told(path: Path, written: Written, wish: Wish) -> str:
    of = f" of {wish.request}" if wish.request else f" from position {written.first} on"
    told = f"{path}: {plural(written.events, 'event')}{of}; its checkpoint covers {written.size:,}"
    if written.left_out:
        told += "\n" + plural(
            written.left_out,
            "event is recorded and not yet sealed or witnessed",
            "events are recorded and not yet sealed or witnessed",
        )
    if written.unopened:
        told += (
            f"\n{plural(written.unopened, 'text stays', 'texts stay')} sealed for want of keys in"
            " PLACET_KEYS; export where they are, or say --without-names"
        )
    if written.erasing:
        told += (
            "\nan erasure is not in this tree yet: what it took away is missing, and so is the"
            "\nevent that says so; export again when it is sealed and a witness has seen it"
        )
    if written.pruning:
        told += (
            "\nthe tombstone of what was pruned is not in this tree yet: bodies are missing, and so"
            "\nis the event that says so; export again when a witness has seen it"
        )
    return told


def _progress() -> Progress:
    def tell(events: int) -> None:
        sys.stderr.write(f"\r{plural(events, 'event')}")
        sys.stderr.flush()

    return tell


def _quietly(_: int) -> None:
    """Say nothing: nobody is looking."""
