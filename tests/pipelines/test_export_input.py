"""The door of exports: what is refused, what people are told, and what is counted where."""

import json
from pathlib import Path
from typing import Any

import pytest

from placet.digest import digest, read_json
from placet.domain.catalogue import Catalogue
from placet.domain.errors import InvalidInputError, NotFoundError
from placet.domain.selection import Survey
from placet.pipelines.export import DOOR, owners, parse_export, prepare_export, preview_export
from placet.pipelines.pipeline import Prepared, Surroundings, Viewed
from tests.cli.office import REPOSITORY
from tests.exports.approved import CATALOGUE, POLICY, an_export, personal, surroundings
from tests.policy.example import SHIPPED

KEY = "age1hkrffrsqxsegq793knaspjhrt23ny06vqrj9ujmxj037wx7rwepsajlzmq"


class Counted:
    """Sources that say the same of every selection."""

    def __init__(self, rows: int = 20, total: int = 480) -> None:
        self._rows = rows
        self._total = total

    async def survey(self, _: Any, columns: Any, __: Any) -> Survey:
        """Count, and show two rows."""
        return Survey(
            rows=self._rows,
            total=self._total,
            columns=tuple(columns),
            types=dict.fromkeys(columns, "text"),
            sample=(tuple("<b>x</b>" for _ in columns), tuple(None for _ in columns)),
        )


def around(sources: Any = None, **rules: Any) -> Surroundings:
    policy = POLICY
    if rules and POLICY.data is not None:
        policy = POLICY.model_copy(update={"data": POLICY.data.model_copy(update=rules)})
    found = surroundings(sources)
    return Surroundings(found.now, found.rates, policy, found.records, catalogue=found.catalogue,
                        sources=sources)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"dataset": "customer"}, r"dataset: .*did you mean 'customers'"),
        ({"columns": ["id", "nmae"]}, r"columns\[1\]: .*did you mean 'name'"),
        ({"columns": ["id", "id"]}, r"columns\[1\]: 'id' is written twice"),
        ({"columns": []}, r"columns: there are 0; write at least 1"),
        ({"columns": ["id; drop table"]}, r"columns\[0\]"),
        ({"columns": ["deleted_at"]}, r"no column 'deleted_at'"),
        ({"filters": [{"column": "email", "op": "eq", "value": "x"}]}, r"not filtered by 'email'"),
        (
            {"filters": [{"column": "id", "op": "in", "value": 3}]},
            r"filters\[0\]: 'in' takes a list",
        ),
        ({"sql": "select 1"}, "sql: there is no such field"),
        ({"purpose": "dunno"}, "purpose: say in at least 10 characters"),
        ({"keep": "31d"}, "keep: a file is kept for 30d at most"),
        ({"keep": "for ever"}, "keep: 'for ever' is no length of time"),
        ({"format": "xlsx"}, "format: 'xlsx' is not known"),
        ({"format": "parquet", "compression": "gzip"}, "compressed inside"),
        ({"recipient": {"address": "nobody"}}, "recipient.address: 'nobody' is not a mail"),
        ({"columns": ["name"]}, r"recipient.key: .*data about people \(name\)"),
    ],
)
async def test_what_is_wrong_is_told_with_its_field(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInputError, match=said):
        await prepare_export(an_export(**changes), around())


@pytest.mark.parametrize(
    ("key", "said"),
    [
        # One letter is another: the checksum says so.
        (KEY.replace("hkrf", "hkrq"), "recipient.key: it is no public key of age"),
        ("ssh-ed25519 AAAA", "recipient.key: it is no X25519 key of age"),
        ("age1pq1" + "q" * 200, "recipient.key: it is no X25519 key of age"),
        ("age1yubikey1" + "q" * 60, "recipient.key: it is no X25519 key of age"),
        (KEY.upper(), "recipient.key: it is no X25519 key of age"),
        (f"{KEY} {KEY}", "recipient.key: it is no X25519 key of age"),
        ("AGE-SECRET-KEY-1QQQQ", "recipient.key: it is a private key"),
        # The whole of the file that age-keygen makes.
        (f"# public key: {KEY}\nAGE-SECRET-KEY-1QQQQ", "recipient.key: it is a private key"),
        ("age-secret-key-pq-1qqqq", "recipient.key: it is a private key"),
        ("AGE-PLUGIN-YUBIKEY-1QQQQ", "recipient.key: it is a private key"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl", "recipient.key: it is a private key"),
    ],
)
def test_a_key_that_is_none_is_refused_and_not_repeated(key: str, said: str) -> None:
    with pytest.raises(InvalidInputError, match=said) as refused:
        parse_export(an_export(recipient={"address": "dan@example.com", "key": key}))
    assert key not in str(refused.value)


def test_a_key_may_have_been_copied_with_its_line_break() -> None:
    request = parse_export(an_export(recipient={"address": "dan@example.com", "key": f"{KEY}\n"}))
    assert request.recipient.key == KEY


def test_what_is_no_object_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="not a JSON object"):
        parse_export(["customers"])


@pytest.mark.parametrize(
    ("sources", "said"),
    [
        (Counted(rows=0), "no row fits them"),
        (Counted(rows=200), "200 rows fit them, of at most 100"),
    ],
)
async def test_a_selection_of_nothing_or_too_much_is_refused(sources: Counted, said: str) -> None:
    with pytest.raises(InvalidInputError, match=said):
        await prepare_export(an_export(), around(sources, most_rows=100))


async def test_the_facts_and_findings_say_what_goes_out() -> None:
    request = personal(filters=[])
    found = await prepare_export(request, around(Counted(rows=480)))
    assert found.title == "Export customers: 2 columns, 480 rows"
    assert (found.facts["rows"], found.facts["everything"]) == (480, True)
    assert found.facts["personal_columns"] == ["name"]
    assert found.facts["recipient_outside"]
    assert [(each.kind, each.where) for each in found.findings] == [
        ("personal-column", "name"),
        ("everything", "filters"),
    ]
    assert found.kept_out == ("data@printshop.example",)
    assert [str(owner) for owner in found.owners] == ["role data-owner"]
    assert set(found.facts) == set(DOOR.facts)
    assert found.scope["catalogue"] == digest(CATALOGUE.entry("customers"))
    assert {file.sha256 for file in found.made} == {
        found.scope["catalogue"],
        found.scope["sample"],
    }


async def test_all_columns_are_meant_when_none_is_named() -> None:
    request = an_export(recipient={"address": "dan@example.com", "key": KEY})
    del request["columns"]
    found = await prepare_export(request, around(Counted()))
    assert found.facts["columns"] == list(CATALOGUE.datasets["customers"].columns)
    assert found.facts["personal"] == 4


async def test_what_cannot_be_counted_is_said_to_be() -> None:
    found = await prepare_export(an_export(), around())
    assert found.title == "Export customers: 3 columns"
    assert found.facts["rows"] == 0
    assert [each.kind for each in found.findings] == ["everything", "not-counted"]
    assert set(found.facts) == set(DOOR.facts)


async def test_an_empty_catalogue_has_nothing_to_export() -> None:
    with pytest.raises(InvalidInputError, match="there is no data set 'customers'"):
        await prepare_export(an_export(), surroundings(None, Catalogue()))


class Kept:
    """What planning has kept."""

    def __init__(self, prepared: Prepared) -> None:
        self._contents = {file.sha256: file.content for file in prepared.made}

    async def get_content(self, sha256: str) -> bytes:
        """Return it."""
        if sha256 not in self._contents:
            raise NotFoundError(sha256)
        return self._contents[sha256]


async def shown(request: dict[str, Any], sources: Any) -> str:
    """Return the page that shows a request."""
    found = await prepare_export(request, around(sources))
    viewed = Viewed(
        request=found.request.model_dump(mode="json"),
        digest=digest(found.request),
        case="export-1",
        facts=found.facts,
        findings=found.findings,
        scope=found.scope,
        effect_at=None,
    )
    records: Any = Kept(found)
    return (await preview_export(viewed, records)).decode()


@pytest.mark.rule(number=12)
async def test_the_preview_shows_everything_and_runs_nothing() -> None:
    purpose = "For <script>alert(1)</script> and nothing else."
    page = await shown(personal(purpose=purpose), Counted())
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "&lt;b&gt;x&lt;/b&gt;" in page
    assert "default-src 'none'" in page.replace("&#x27;", "'")
    for told in ("20 rows", "id is at most 20", "<strong>personal</strong>", "Print shop", "3d",
                 "placet approve export-1", "encrypted"):  # fmt: skip
        assert told in page or told.capitalize() in page, told


async def test_the_preview_says_what_could_not_be_counted() -> None:
    page = await shown(an_export(), None)
    assert "not counted, as the source is not known here" in page
    assert "The first rows" not in page


@pytest.mark.parametrize("path", sorted((REPOSITORY / "examples").glob("export-*.json")))
async def test_the_shipped_examples_can_be_asked_for(path: Path) -> None:
    found = await prepare_export(read_json(path.read_bytes()), around(Counted()))
    assert json.loads(path.read_text())["pipeline"] == "export"
    assert found.findings or found.facts["personal"] == 0


def test_everybody_who_owns_a_data_set_is_named() -> None:
    assert [str(owner) for owner in owners(SHIPPED)] == ["role data-owner"]
