"""Bundles of a real ledger: exported from Postgres, and verified without it."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

from placet.cli.run import run
from placet.connections import make_keys, open_ledger
from placet.digest import canonical
from placet.ledger import PostgresLedger
from placet.proof.note import COSIGNATURE, parse_note, public_key
from placet.sealing.keys import RETIRED_FILE
from placet.settings import Settings
from placet.signing import LOG_FILE, open_signer
from tests.conftest import Database
from tests.ledger.raw import append_raw
from tests.ledger.stories import event, state, submitted
from tests.support.ledgers import private_key
from tests.support.sealed import WITNESS, seal
from tests.support.tsa import Tsa, authority, stamper

ORIGIN = "example.com/ledger"
WITNESS_KEY = private_key("witness")
PINNED_WITNESS = str(public_key(WITNESS, WITNESS_KEY, COSIGNATURE))


class Office:
    """A ledger with its keys and its command line.

    Attributes:
        ledger: As the application uses it.
        admin_url: The database's administrator.
        path: Where bundles go.
    """

    def __init__(self, ledger: PostgresLedger, settings: Settings, admin_url: str) -> None:
        self.ledger = ledger
        self.admin_url = admin_url
        self.path = settings.home
        self._log = open_signer(settings.keys / LOG_FILE, ORIGIN).private

    def seal(self, *, witnessed: bool = True) -> str:
        """Seal what waits, and return the note."""
        return seal(self.admin_url, ORIGIN, self._log, WITNESS_KEY if witnessed else None)

    async def tell(self, request: str) -> None:
        """Record the beginning of a request."""
        await self.ledger.append([submitted(request, step=1)])
        bob = {"id": "bob", "name": "Bob Birch", "address": "bob@example.com"}
        review = "reviewer:review:approved"
        told = {"step": 2, "request": request, "reason": "fine", "state": state()}
        await self.ledger.append([event(review, actor=dict(bob), **told)])  # type: ignore[arg-type]

    def export(self, name: str, *options: str) -> Path:
        """Export a bundle."""
        bundle = self.path / name
        assert run(["audit", "export", "--out", str(bundle), *options]) == 0
        return bundle

    def verify(self, bundle: Path, *options: str) -> int:
        """Verify a bundle, and return the exit code."""
        return run(["audit", "verify", str(bundle), "--trust", str(self.trust()), *options])

    def trust(self) -> Path:
        """Return the file of pinned keys."""
        return self.path / "trust.json"


@pytest.fixture
async def office(
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> AsyncIterator[Office]:
    # These stories are too short to follow the rules that they would have to keep.
    monkeypatch.setattr("placet.proof.verify.JUDGES", ())
    monkeypatch.setenv("PLACET_HOME", str(tmp_path))
    monkeypatch.setenv("PLACET_DATABASE_URL", database.app_url)
    monkeypatch.setenv("PLACET_LEDGER_NAME", ORIGIN)
    settings = Settings.from_environment()
    make_keys(settings)
    async with open_ledger(settings) as ledger:
        office = Office(ledger, settings, database.admin_url)
        assert run(["audit", "trust", "--witness", PINNED_WITNESS]) == 0
        office.trust().write_text(capsys.readouterr().out, encoding="utf-8")
        yield office


def lines(bundle: Path, name: str = "events.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (bundle / name).read_text(encoding="utf-8").splitlines()]


def unlock(connection: psycopg.Connection[Any]) -> None:
    """Let a superuser change what is append-only, as only a superuser can."""
    connection.execute("set session_replication_role = replica")
    tables = connection.execute(
        "select inhrelid::regclass::text from pg_inherits"
        " where inhparent = 'audit.event'::regclass"
        " union values ('audit.event'), ('audit.pruned')"
    ).fetchall()
    for (name,) in tables:
        connection.execute(f"alter table {name} disable trigger all")


@pytest.mark.rule(number=11)
async def test_a_ledger_is_exported_and_verified(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    await office.tell("expense-1")
    office.seal()
    await office.tell("expense-2")
    office.seal()
    bundle = office.export("bundle")
    assert "4 events from position 0 on" in capsys.readouterr().out
    assert office.verify(bundle) == 0
    told = capsys.readouterr().out
    assert told.startswith("VERIFIED\n")
    assert WITNESS in told


@pytest.mark.rule(number=11)
async def test_a_time_stamp_is_verified_by_the_pinned_certificates(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    root, stranger = authority(), authority("Another root")
    await office.tell("expense-1")
    text = parse_note(office.seal()).text.encode()
    asked = TimestampRequestBuilder().data(text).hash_algorithm(HashAlgorithm.SHA256).build()
    with psycopg.connect(office.admin_url) as connection:
        connection.execute(
            "insert into audit.stamp (tree_size, authority, token)"
            " select tree_size, 'https://stamps.example', %s from audit.checkpoint",
            [Tsa(stamper(root)).answer(asked.as_bytes())],
        )
    bundle = office.export("bundle")
    for pinned, code, told in ((root, 0, "2026-11-28 12:00:00"), (stranger, 11, "stamp-false")):
        certificate = office.path / "root.pem"
        certificate.write_bytes(pinned.pem)
        capsys.readouterr()
        pin = ("--witness", PINNED_WITNESS, "--timestamp", str(certificate))
        assert run(["audit", "trust", *pin]) == 0
        office.trust().write_text(capsys.readouterr().out, encoding="utf-8")
        assert office.verify(bundle) == code
        assert told in capsys.readouterr().out


async def test_what_is_not_sealed_is_not_in_the_bundle(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    await office.tell("expense-1")
    office.seal()
    await office.tell("expense-2")
    bundle = office.export("bundle")
    assert "2 events are recorded and not yet sealed" in capsys.readouterr().out
    assert {line["stream"] for line in lines(bundle)} == {"expense-1"}
    assert office.verify(bundle) == 0


async def test_what_no_witness_has_seen_is_left_out_unless_it_is_asked_for(office: Office) -> None:
    await office.tell("expense-1")
    office.seal()
    await office.tell("expense-2")
    office.seal(witnessed=False)
    assert len(lines(office.export("witnessed"))) == 2
    everything = office.export("everything", "--unwitnessed")
    assert len(lines(everything)) == 4
    assert office.verify(everything) == 11


@pytest.mark.rule(number=11)
async def test_a_request_is_exported_by_itself(office: Office) -> None:
    for number in range(5):
        await office.tell(f"expense-{number}")
        office.seal()
    bundle = office.export("bundle", "--request", "expense-3")
    assert office.verify(bundle) == 0
    assert [line["position"] for line in lines(bundle)] == [6, 7]
    files = [each.read_text("utf-8") for each in bundle.rglob("*") if each.is_file()]
    assert not any(f"expense-{other}" in text for other in (0, 1, 2, 4) for text in files)


@pytest.mark.parametrize("since", [1, 2, 3, 5, 9])
async def test_the_rest_of_a_ledger_is_exported(office: Office, since: int) -> None:
    kept = []
    for number in range(5):
        await office.tell(f"expense-{number}")
        kept.append(office.seal())
    bundle = office.export("bundle", "--since", str(since))
    held = office.path / "held"
    held.write_text(kept[-2], encoding="utf-8")
    assert office.verify(bundle) == 0
    assert [line["position"] for line in lines(bundle)] == list(range(since, 10))
    assert office.verify(bundle, "--held", str(held)) == (0 if since <= 8 else 11)


async def test_a_part_begins_at_a_day(office: Office) -> None:
    await office.tell("expense-1")
    office.seal()
    assert len(lines(office.export("bundle", "--since", "2020-01-01"))) == 2
    later = ["audit", "export", "--out", str(office.path / "later"), "--since", "2999-01-01"]
    assert run(later) == 7
    assert not (office.path / "later").exists()


async def test_names_are_revealed_or_left_sealed(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    await office.tell("expense-1")
    office.seal()
    with_names, without = office.export("with"), office.export("without", "--without-names")
    assert "stay sealed" not in capsys.readouterr().out
    assert all(row["key"] for row in lines(with_names, "personal.jsonl"))
    assert not any(row["key"] for row in lines(without, "personal.jsonl"))
    assert office.verify(with_names) == office.verify(without) == 0
    assert lines(with_names) == lines(without)


@pytest.mark.rule(number=11)
async def test_a_bundle_opens_nothing_that_an_event_only_names(
    office: Office, database: Database
) -> None:
    await office.tell("expense-1")
    with psycopg.connect(database.app_url) as thief:
        (body,) = thief.execute(
            "select body from audit.known_event where stream = 'expense-1' and stream_seq = 2"
        ).fetchone() or ("",)
        own = event(request="stolen", step=1)
        stolen = {**json.loads(bytes(body)), **own.body, "kind": own.kind}
        append_raw(thief, [own.model_copy(update={"body": stolen})])
    office.seal()
    one = office.export("one", "--request", "stolen")
    rows = lines(one, "personal.jsonl")
    assert rows
    assert not any(row["key"] for row in rows)
    whole = lines(office.export("whole"), "personal.jsonl")
    assert {row["position"] for row in whole if row["key"]} == {1}


async def test_names_that_cannot_be_revealed_here_are_counted(
    office: Office, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    await office.tell("expense-1")
    office.seal()
    monkeypatch.setenv("PLACET_KEYS", str(office.path / "empty"))
    bundle = office.export("bundle")
    told = capsys.readouterr().out
    sealed = lines(bundle, "personal.jsonl")
    assert not any(row["key"] for row in sealed)
    assert f"{len(sealed)} texts stay sealed" in told


@pytest.mark.rule(number=11)
async def test_an_edit_in_the_database_is_found_in_its_bundle(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    await office.tell("expense-1")
    office.seal()
    with psycopg.connect(office.admin_url) as connection:
        unlock(connection)
        changed = connection.execute(
            "update audit.event set body = convert_to("
            "replace(convert_from(body, 'UTF8'), '120.00', '920.00'), 'UTF8')"
        )
        assert changed.rowcount == 2
    bundle = office.export("bundle")
    capsys.readouterr()
    assert office.verify(bundle, "--json") == 11
    told = json.loads(capsys.readouterr().out)
    assert set(told["counts"]) == {"leaf-changed", "signature-false", "root-differs"}


@pytest.mark.rule(number=11)
async def test_a_lost_ciphertext_is_found_in_its_bundle(office: Office) -> None:
    await office.tell("expense-1")
    office.seal()
    with psycopg.connect(office.admin_url) as connection:
        assert connection.execute("delete from audit.pii").rowcount
    assert office.verify(office.export("bundle")) == 11


@pytest.mark.rule(number=11)
async def test_of_pruned_bodies_the_rest_is_still_proved(office: Office) -> None:
    await office.tell("expense-1")
    await office.tell("expense-2")
    data: dict[str, Any] = {"from_seq": 1, "to_seq": 2}
    await office.ledger.append(
        [event("system:partition:pruned", request="retention:1", data=data, requester="alice")]
    )
    office.seal()
    with psycopg.connect(office.admin_url) as connection:
        unlock(connection)
        connection.execute(
            "insert into audit.pruned (seq, kind, occurred, signature, signing_key, anchor,"
            " retention_class, body_digest, tombstone) select seq, kind, occurred, signature,"
            " signing_key, anchor, retention_class, sha256(body), 5 from audit.event where seq <= 2"
        )
        assert connection.execute("delete from audit.event where seq <= 2").rowcount == 2
    bundle = office.export("bundle")
    assert [line["body"] is None for line in lines(bundle)] == [True, True, False, False, False]
    assert office.verify(bundle) == 0
    one = office.export("one", "--request", "expense-1")
    assert {line["stream"] for line in lines(one)} == {"expense-1", "retention:1"}
    assert office.verify(one) == 0
    with psycopg.connect(office.admin_url) as connection:
        unlock(connection)
        connection.execute("update audit.pruned set body_digest = sha256('') where seq = 2")
    assert office.verify(office.export("changed")) == 11


async def test_what_was_erased_is_told_in_every_bundle(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    await office.tell("expense-1")
    office.seal()
    names = {row["digest"] for row in lines(office.export("before"), "personal.jsonl")}
    with psycopg.connect(office.admin_url) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute("delete from audit.pii")
        connection.execute(
            "insert into effect.erasure (permit_id, request, digest, subject, plan)"
            " values ('p', 'erase-1', 'd', 'bob', repeat('0', 64))"
        )
        for name in names:
            told = ("p", "ciphertext", name)
            connection.execute("insert into effect.erased values (%s, %s, %s)", told)
    capsys.readouterr()
    assert office.verify(office.export("meanwhile")) == 11
    assert "an erasure is not in this tree yet" in capsys.readouterr().out
    data: dict[str, Any] = {"subject": "bob", "digests": sorted(names)}
    gone = event("system:subject:erased", request="erase-1", data=data, requester="alice")
    await office.ledger.append([submitted("erase-1"), gone])
    office.seal()
    bundle = office.export("after", "--request", "expense-1")
    assert {line["stream"] for line in lines(bundle)} == {"expense-1", "erase-1"}
    assert office.verify(bundle) == office.verify(office.export("whole")) == 0
    assert "an erasure" not in capsys.readouterr().out


async def test_what_is_pruned_before_a_witness_has_seen_it_is_said(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    await office.tell("expense-1")
    office.seal()
    data: dict[str, Any] = {"from_seq": 1, "to_seq": 2}
    await office.ledger.append(
        [event("system:partition:pruned", request="retention:1", data=data, requester="alice")]
    )
    office.seal(witnessed=False)
    with psycopg.connect(office.admin_url) as connection:
        unlock(connection)
        connection.execute(
            "insert into audit.pruned (seq, kind, occurred, body_digest, tombstone)"
            " select seq, kind, occurred, sha256(body), 3 from audit.event where seq = 1"
        )
        connection.execute("delete from audit.event where seq = 1")
    office.export("bundle")
    assert "the tombstone of what was pruned is not in this tree yet" in capsys.readouterr().out


@pytest.mark.rule(number=11)
@pytest.mark.parametrize("anchor", [b"\xff" * 40, b"\x80" + bytes(39)])
async def test_nonsense_from_whoever_has_the_password_does_not_keep_others_from_a_bundle(
    office: Office, capsys: pytest.CaptureFixture[str], anchor: bytes
) -> None:
    await office.tell("expense-1")
    with psycopg.connect(office.admin_url) as connection:
        told = event(request="expense-1")
        values = (bytes.fromhex(told.event_id), told.kind, told.occurred, canonical(told.body))
        connection.execute(
            "select audit.append(array[%s::bytea], array['expense-1'], array[%s],"
            " array[%s::timestamptz], array[%s::bytea], anchors => array[%s::bytea])",
            (*values, anchor),
        )
    office.seal()
    capsys.readouterr()
    for bundle in (office.export("bundle"), office.export("one", "--request", "expense-1")):
        assert office.verify(bundle) == 11
        told_of = capsys.readouterr().out
        assert "anchor-" in told_of or "line-unreadable" in told_of


@pytest.mark.rule(number=11)
@pytest.mark.parametrize("typed", ['"sealed:{}', 'x"sealed:{}', "sealed:{}", "sealed:{} "])
async def test_nobody_names_a_ciphertext_by_typing_its_digest(office: Office, typed: str) -> None:
    await office.tell("expense-1")
    office.seal()
    theirs = lines(office.export("theirs"), "personal.jsonl")[0]["digest"]
    for digest in (theirs, "0" * 64):
        said = event(request="expense-2", decision_id=typed.format(digest), requester="eve")
        await office.ledger.append([said])
    office.seal()
    bundle = office.export("bundle", "--request", "expense-2")
    assert theirs not in {row["digest"] for row in lines(bundle, "personal.jsonl")}
    assert office.verify(bundle) == office.verify(office.export("whole")) == 0


@pytest.mark.rule(number=11)
async def test_a_request_may_be_called_like_a_ciphertext(office: Office) -> None:
    await office.tell(f"sealed:{'0' * 64}")
    office.seal()
    assert office.verify(office.export("bundle")) == 0


async def test_nothing_is_written_over_and_nothing_half(office: Office) -> None:
    there = office.path / "there"
    there.mkdir()
    assert run(["audit", "export", "--out", str(there)]) == 6
    assert run(["audit", "export", "--out", str(office.path / "bundle")]) == 7
    await office.tell("expense-1")
    office.seal()
    unknown = ["audit", "export", "--out", str(office.path / "bundle"), "--request", "nobody"]
    assert run(unknown) == 7
    assert run([*unknown[:-2], "--since", "x"]) == 2
    assert run([*unknown, "--since", "1"]) == 2
    assert run(["audit", "export", "--out", str(office.path / "no" / "where")]) == 7
    assert sorted(each.name for each in office.path.iterdir()) == ["keys", "there", "trust.json"]


async def test_a_trust_file_is_made_of_the_keys_that_are_there(
    office: Office, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = json.loads(office.trust().read_text(encoding="utf-8"))
    assert told["log"]["origin"] == ORIGIN
    assert told["witnesses"] == {"keys": [PINNED_WITNESS], "quorum": 1}
    assert told["log"]["keys"][0].startswith(f"{ORIGIN}+")
    assert told["writers"][0].startswith(f"{ORIGIN}/writer+")
    before = str(public_key(ORIGIN, private_key("before")))
    (office.path / "keys" / "log.retired").write_text(f"{before}\n", encoding="utf-8")
    assert run(["audit", "trust"]) == 0
    both = json.loads(capsys.readouterr().out)["log"]["keys"]
    assert both == [*told["log"]["keys"], before]
    monkeypatch.setenv("PLACET_KEYS", str(office.path / "empty"))
    assert run(["audit", "trust"]) == 7
    assert not (office.path / "empty").exists()
    assert run(["audit", "trust", "--witness", "nonsense"]) == 2
    assert run(["audit", "trust", "--witness", PINNED_WITNESS, "--quorum", "2"]) == 2
    assert run(["audit", "trust", "--witness", told["log"]["keys"][0]]) == 2
    assert capsys.readouterr().out == ""


@pytest.mark.rule(number=11)
async def test_a_trust_file_holds_the_keys_that_were_replaced(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = office.path / "keys"
    (before,) = json.loads(office.trust().read_text(encoding="utf-8"))["log"]["keys"]
    (keys / RETIRED_FILE).write_text(f"{before}\n", encoding="utf-8")
    (keys / LOG_FILE).unlink()
    now = open_signer(keys / LOG_FILE, ORIGIN).key
    assert run(["audit", "trust"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["log"]["keys"] == [str(now), before]


async def test_what_is_not_there_is_said(office: Office) -> None:
    await office.tell("expense-1")
    office.seal()
    bundle = office.export("bundle")
    assert run(["audit", "verify", str(office.path), "--trust", str(office.trust())]) == 7
    assert run(["audit", "verify", str(bundle), "--trust", str(office.path / "no")]) == 7
    assert office.verify(bundle, "--held", str(office.path / "no")) == 7
