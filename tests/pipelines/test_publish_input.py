import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from placet.cli.records import LocalFiles
from placet.content.bundle import Blob, read_bundle
from placet.content.manifest import manifest_bytes, read_manifest, version_of
from placet.digest import canonical, digest
from placet.domain.errors import InvalidInputError, PlacetError, UnavailableError
from placet.domain.ledger_rows import PublicationRow, PublicationState
from placet.domain.plan import PersonRef
from placet.domain.publication import Manifest, Scope
from placet.pipelines.pipeline import Prepared
from placet.pipelines.publish import DOOR, FACTS, prepare_publish
from placet.policy.loader import load_policies
from placet.policy.service import make_plan
from tests.content.made import FRONT, NOW, PNG, around, prepared, published

POLICIES = Path(__file__).parents[2] / "policies"
DOCUMENT = f"{FRONT}Words and ![a taxi](pic.png).\n".encode()
V1, V2, V3 = (
    Manifest(slug="page", title="A", source="ab" * 32, page=number * 64, page_size=9)
    for number in "123"
)


def kept(content: bytes, path: str, media_type: str | None = None) -> dict[str, Any]:
    """Return the reference to a stored file."""
    sha256 = hashlib.sha256(content).hexdigest()
    told = {"path": path, "sha256": sha256, "size": len(content)}
    return told if media_type is None else {**told, "media_type": media_type}


def a_request(**changes: Any) -> dict[str, Any]:
    return {
        "slug": "page",
        "document": kept(DOCUMENT, "page.md"),
        "files": [kept(PNG, "pic.png", "image/png")],
        **changes,
    }


def taking_away(**changes: Any) -> dict[str, Any]:
    return {"action": "unpublish", "slug": "page", "requester": "alice@example.com", **changes}


class Recorded(LocalFiles):
    """Files, and what was done to the slug ``page``: the newest first."""

    def __init__(self, *manifests: Manifest | None, files: tuple[bytes, ...] = ()) -> None:
        contents = [manifest_bytes(each) for each in manifests if each is not None]
        super().__init__(
            Blob.of(content, "text/plain") for content in (DOCUMENT, PNG, *contents, *files)
        )
        self.versions = [version_of(each) if each is not None else None for each in manifests]

    async def published(self, slug: str) -> PublicationRow | None:
        """Return what stands there now."""
        rows = await self.publications(slug)
        return rows[0] if rows else None

    async def publications(self, slug: str, limit: int = 100) -> list[PublicationRow]:
        """Return what was done."""
        before = [*self.versions[1:], None]
        return [
            PublicationRow(
                slug=slug,
                version=version,
                replaces=replaced,
                action="publish",
                title="A",
                request=f"publish-{number}",
                permit_id=f"permit-{number}",
                state=PublicationState.DONE,
                at=NOW,
            )
            for number, (version, replaced) in enumerate(zip(self.versions, before, strict=False))
            if slug == "page"
        ][:limit]


async def understood(raw: Any, records: Recorded | None = None) -> Prepared:
    return await prepare_publish(raw, around(records or Recorded(), offline=False))


async def refusal(raw: Any, records: Recorded | None = None) -> str:
    with pytest.raises(PlacetError) as caught:
        await understood(raw, records)
    return str(caught.value)


async def test_a_publication_is_all_that_goes_out(tmp_path: Path) -> None:
    made = await understood(a_request())
    page, manifest = made.made
    version = Scope.model_validate(made.scope).version
    assert version is not None
    told = read_manifest(manifest.content, version)
    assert (told.page, told.page_size) == (page.sha256, len(page.content))
    assert [file.sha256 for file in told.files] == [hashlib.sha256(PNG).hexdigest()]
    assert [file.media_type for file in made.made] == [
        *("text/html", "application/vnd.placet.manifest+json")
    ]
    assert set(made.contents) == {hashlib.sha256(each).hexdigest() for each in (DOCUMENT, PNG)}
    # The request that was read from files is the one that JSON tells.
    from_files = await published(tmp_path, DOCUMENT.decode(), {"pic.png": PNG})
    assert from_files.scope["version"] == version
    assert from_files.title == made.title == "A page"


async def test_its_facts_are_those_that_the_door_names() -> None:
    made = await understood(a_request(tags=["b", "a"], targets=["site"]))
    assert set(made.facts) == set(FACTS) == set(DOOR.facts)
    assert made.facts["action"] == "publish"
    assert (made.facts["targets"], made.facts["tags"]) == (["site"], ["a", "b"])
    assert (made.facts["first"], made.facts["embargoed"]) == (True, False)
    assert (made.facts["words"], made.facts["file_count"]) == (2, 1)
    for raw in (taking_away(), taking_away(action="rollback")):
        assert set((await understood(raw, Recorded(V2, V1))).facts) == set(FACTS)


async def test_the_scope_says_what_is_replaced_and_where() -> None:
    scope = Scope.model_validate((await understood(a_request(), Recorded(V1))).scope)
    assert scope.replaces == version_of(V1)
    assert scope.targets == {"mirror": "s3://mirror/live", "site": "file:///srv/site"}
    after_nothing = await understood(a_request(), Recorded(None, V1))
    assert after_nothing.scope["replaces"] is None
    assert after_nothing.facts["first"] is True


async def test_front_matter_and_request_have_to_agree() -> None:
    assert (await understood(a_request(title="A page"))).title == "A page"
    told = await refusal(a_request(title="Another", requester="bob@example.com"))
    assert "title: the document's front matter says something else" in told
    assert "requester: the document's front matter says something else" in told


# What is wrong with a request, and what its sender is told.
WRONG: dict[str, tuple[Any, str]] = {
    "no object": (["x"], "it is not a JSON object; write it as {...}"),
    "nothing": ({}, "slug: it is missing; add it"),
    "no document": (
        a_request(document=None, title="A", requester="alice@example.com"),
        "there is no document; give the Markdown file",
    ),
    "other field": (a_request(sulg="x"), "sulg: there is no such field"),
    "slug": (a_request(slug="../etc"), "'../etc' is no slug"),
    "long slug": (a_request(slug="a" * 81), "is no slug"),
    "action": (a_request(action="delete"), "'delete' is not known"),
    "target": (a_request(targets=["sight"]), "there is no target 'sight'; did you mean 'site'?"),
    "instant": (a_request(publish_at="tomorrow"), "write it with its time zone"),
    "path": (
        a_request(files=[kept(PNG, "../pic.png", "image/png")]),
        "files[0].path: '../pic.png' is no path below the document",
    ),
    "backslash": (
        a_request(files=[kept(PNG, "a\\b.png", "image/png")]),
        "is no path below the document",
    ),
    "bidi": (
        a_request(files=[kept(PNG, "gp\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe", "image/png")]),
        "holds characters that hide what it says",
    ),
    "twice": (
        a_request(files=[kept(PNG, "A.png", "image/png"), kept(PNG, "a.png", "image/png")]),
        "a.png: written twice; keep one",
    ),
    "order": (
        a_request(files=[kept(PNG, "b.png", "image/png"), kept(PNG, "a.png", "image/png")]),
        "sort them",
    ),
    "not stored": (
        a_request(document={**kept(DOCUMENT, "page.md"), "sha256": "ab" * 32}),
        "document: is not stored; submit the file itself",
    ),
    "size": (
        a_request(document={**kept(DOCUMENT, "page.md"), "size": 3}),
        f"has {len(DOCUMENT)} bytes and not 3",
    ),
    "kind": (
        a_request(files=[kept(PNG, "pic.pdf", "application/pdf")]),
        "files[0].media_type: it is image/png; submit the file itself",
    ),
    "html": (
        a_request(files=[kept(PNG, "pic.html", "text/html")]),
        "files[0].media_type: 'text/html' is not known",
    ),
    "digest": (a_request(document={**kept(DOCUMENT, "p.md"), "sha256": "x"}), "document.sha256"),
    "too large": (
        a_request(files=[{**kept(PNG, "pic.png", "image/png"), "size": 11 * 1024 * 1024}]),
        "files[0].size",
    ),
    "files of an unpublication": (
        taking_away(files=[kept(PNG, "pic.png", "image/png")]),
        "to unpublish takes no document; leave document and files out",
    ),
    "version of an unpublication": (taking_away(to="ab" * 32), "'to' is for a rollback"),
    "nothing to take away": (taking_away(), "nothing is published under 'page'"),
    "nothing to roll back": (
        taking_away(action="rollback"),
        "nothing was ever published under 'page'",
    ),
}


@pytest.mark.parametrize("name", WRONG)
async def test_a_wrong_request_is_told_what_to_do(name: str) -> None:
    raw, told = WRONG[name]
    assert told in await refusal(raw)


async def test_a_document_that_is_none_is_refused_with_its_place() -> None:
    broken = b"---\ntitel: x\n---\nwords"
    raw = a_request(document=kept(broken, "page.md"))
    assert "page.md:2:1: titel: is not known here" in await refusal(raw, Recorded(files=(broken,)))
    picture = a_request(document=kept(PNG, "page.md"))
    assert "page.md:1: this is not UTF-8 text" in await refusal(picture)


async def test_what_takes_a_page_away_needs_no_title() -> None:
    made = await understood(taking_away(), Recorded(V1))
    assert made.title == "Unpublish page"
    assert made.scope["version"] is None
    assert made.scope["replaces"] == version_of(V1)
    assert made.made == ()


async def test_a_rollback_names_the_version_before() -> None:
    rollback = taking_away(action="rollback")
    made = await understood(rollback, Recorded(V3, V2, V1))
    assert (made.title, made.scope["version"]) == ("Roll back page", version_of(V2))
    after_taking_away = await understood(rollback, Recorded(None, V1))
    assert after_taking_away.scope == {
        **made.scope,
        "version": version_of(V1),
        "replaces": None,
    }
    older = await understood({**rollback, "to": version_of(V1)}, Recorded(V3, V2, V1))
    assert older.scope["version"] == version_of(V1)


async def test_a_rollback_leads_only_to_what_was_published_there() -> None:
    rollback = taking_away(action="rollback")
    assert "there is no version of 'page' before" in await refusal(rollback, Recorded(V1))
    told = await refusal({**rollback, "to": version_of(V3)}, Recorded(V2, V1))
    assert f"{version_of(V3)} was never published under 'page'" in told
    told = await refusal({**rollback, "to": version_of(V2)}, Recorded(V2, V1))
    assert "is what is published under 'page' now" in told


async def test_before_the_ledger_can_be_asked_nothing_is_said_about_it() -> None:
    surroundings = around(Recorded(), offline=True)
    for raw in (taking_away(), taking_away(action="rollback")):
        assert (await prepare_publish(raw, surroundings)).scope["version"] is None


async def test_a_page_waits_for_its_time_and_a_late_one_does_not() -> None:
    soon = (NOW + timedelta(days=3)).isoformat()
    made = await understood(a_request(publish_at=soon))
    assert made.effect_at == NOW + timedelta(days=3)
    assert made.facts["embargoed"] is True
    late = await understood(a_request(publish_at=NOW.isoformat()))
    assert (late.effect_at, late.facts["embargoed"]) == (None, False)
    assert [finding.kind for finding in late.findings] == ["late"]


async def test_a_broken_list_of_targets_is_not_the_requests_fault() -> None:
    def broken() -> Mapping[str, str]:
        raise InvalidInputError("targets.yaml:3:1: is no mapping")

    surroundings = replace(around(Recorded(), offline=False), targets=broken)
    with pytest.raises(UnavailableError, match="the list of targets cannot be used"):
        await prepare_publish(a_request(), surroundings)


@pytest.mark.rule(number=4)
async def test_every_byte_of_a_page_is_in_what_people_approve(tmp_path: Path) -> None:
    digests, versions = set(), set()
    for number, (text, picture) in enumerate(
        [
            (DOCUMENT, PNG),
            (DOCUMENT + b"\n", PNG),
            (DOCUMENT, PNG + b"\n"),
            (DOCUMENT.replace(b"A page", b"B page"), PNG),
        ]
    ):
        made = await published(tmp_path / str(number), text.decode(), {"pic.png": picture})
        digests.add(digest(made.request))
        versions.add(made.scope["version"])
    assert (len(digests), len(versions)) == (4, 4)


@pytest.mark.parametrize(
    ("text", "route"),
    [
        ("Words.", "change"),
        ("AKIA" + "Q3EGRZ6B5KJ3DMNA", "secret"),
        ("Lorem ipsum.", "doubtful change"),
        ("<script>x</script>", "doubtful change"),
        ("O\N{RIGHT-TO-LEFT OVERRIDE}K", "doubtful change"),
    ],
)
async def test_the_shipped_policy_decides_by_what_the_checks_found(text: str, route: str) -> None:
    loaded = load_policies(POLICIES).for_pipeline("publish")
    document = f"{FRONT}{text}\n".encode()
    records = Recorded(V1, files=(document,))
    raw = {"slug": "page", "document": kept(document, "page.md")}
    surroundings = replace(around(records, offline=False), policy=loaded.snapshot.policy)
    made = await prepare_publish(raw, surroundings)
    alice = PersonRef(id="alice", name="Alice", address="alice@example.com")
    plan = make_plan(loaded.snapshot, made, DOOR.facts, requester=alice)
    assert plan.route == route
    first = await prepare_publish(raw, replace(surroundings, records=Recorded(files=(document,))))
    plan = make_plan(loaded.snapshot, first, DOOR.facts, requester=alice)
    assert plan.route == ("secret" if route == "secret" else "first publication")


async def test_the_examples_are_accepted() -> None:
    for path in sorted((POLICIES.parent / "examples").glob("publish-*")):
        if path.suffix != ".json":
            made = await prepared(read_bundle(path))
            assert made.requester == "alice@example.com"
            assert {each.kind for each in made.findings} <= {"external-link"}


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    [
        *("action", "slug", "title", "requester", "publish_at", "targets", "tags", "document"),
        *("files", "to", "language", "note", "reference", "summary"),
    ]
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(FIELDS, ODD, max_size=5))
async def test_nonsense_is_a_request_or_one_clear_error(odd: dict[str, Any]) -> None:
    with suppress(PlacetError):
        made = await understood({**a_request(), **odd})
        assert canonical(made.request)
