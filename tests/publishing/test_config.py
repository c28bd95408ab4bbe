from pathlib import Path

import pytest

from placet.domain.errors import ConflictError, InvalidInputError, UnavailableError
from placet.policy.files import FileError, parse
from placet.publishing.config import parse_targets, read_targets
from placet.publishing.opening import ListedTargets
from placet.settings import Settings

HOME = Path("/srv/placet")
GOOD = """
give_up_after: 90m
targets:
  zebra: {kind: directory, path: site}
  hook: {kind: webhook, url: 'https://example.com/pages', secret_env: HOOK_SECRET}
  shop:
    kind: s3
    endpoint: https://s3.example.com
    bucket: pages
    access_key_env: SHOP_ID
    secret_key_env: SHOP_KEY
  aws: {kind: s3, bucket: pages, prefix: '', region: eu-central-1}
"""
SECRETS = {
    "HOOK_SECRET": "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz",
    "SHOP_ID": "id",
    "SHOP_KEY": "key",
}


def opened(text: str = GOOD, secrets: dict[str, str] | None = None) -> ListedTargets:
    listed = parse_targets(parse(text, "targets.yaml"), HOME)
    return ListedTargets(lambda: listed, SECRETS if secrets is None else secrets)


def test_each_target_says_where_it_leads_and_no_secret() -> None:
    listed = parse_targets(parse(GOOD, "targets.yaml"), HOME)
    assert listed.locations == {
        "zebra": "file:///srv/placet/site",
        "hook": "https://example.com/pages",
        "shop": "https://s3.example.com/pages/live",
        "aws": "https://s3.eu-central-1.amazonaws.com/pages",
    }
    assert listed.give_up_after.total_seconds() == 90 * 60


def test_what_cannot_be_undone_is_switched_last() -> None:
    approved = parse_targets(parse(GOOD, "targets.yaml"), HOME).locations
    assert list(opened().in_order(approved)) == ["aws", "shop", "zebra", "hook"]


@pytest.mark.parametrize(
    ("written", "place", "said"),
    [
        ("targets: {site: {kind: directry, path: x}}", "1:18", "did you mean 'directory'"),
        ("targets: {site: {path: x}}", "1:11", "kind: is missing"),
        ("targets: {site: {kind: directory}}", "1:11", "path: is missing"),
        ("targets: {site: {kind: directory, path: x, root: y}}", "1:44", "not known here"),
        ("targets: {Site: {kind: directory, path: x}}", "1:11", "lower-case letters"),
        ("targets: {}", "1:1", "needs at least 1"),
        ("give_up_after: never\ntargets: {s: {kind: directory, path: x}}", "1:1", "length of time"),
        ("targets: {s: {kind: s3, bucket: b_b}}", "1:25", "wrong form"),
        ("targets: {s: {kind: s3, bucket: bucket, prefix: ../x}}", "1:41", "wrong form"),
        ("targets: {s: {kind: s3, bucket: bucket, access_key_env: A}}", "1:11", "give both"),
    ],
)
def test_a_mistake_in_the_list_is_named_with_its_place(written: str, place: str, said: str) -> None:
    with pytest.raises(FileError, match=said) as refused:
        parse_targets(parse(written, "targets.yaml"), HOME)
    assert f"targets.yaml:{place}" in str(refused.value)


@pytest.mark.parametrize(
    "fields",
    [
        "kind: webhook, url: 'https://example.com', secret_env: 'whsec_hunter2hunter2'",
        "kind: webhook, url: 'https://user:hunter2@example.com', secret_env: S",
        "kind: webhook, url: 'https://example.com?token=hunter2', secret_env: S",
        "kind: webhook, url: 'ftp://hunter2.example.com', secret_env: S",
        "kind: s3, bucket: bucket, access_key_env: hunter2, secret_key_env: S",
        "kind: s3, bucket: bucket, endpoint: 'https://hunter2@example.com'",
    ],
)
def test_a_secret_in_the_list_is_refused_and_not_repeated(fields: str) -> None:
    with pytest.raises(FileError) as refused:
        parse_targets(parse(f"targets: {{site: {{{fields}}}}}", "targets.yaml"), HOME)
    assert "hunter2" not in str(refused.value)


def test_every_mistake_is_told_at_once() -> None:
    text = "targets:\n  a: {kind: nothing}\n  b: {kind: directory}\n"
    with pytest.raises(FileError) as refused:
        parse_targets(parse(text, "targets.yaml"), HOME)
    assert len(str(refused.value).splitlines()) == 2


def test_a_target_that_leads_elsewhere_now_is_not_opened() -> None:
    approved = parse_targets(parse(GOOD, "targets.yaml"), HOME).locations
    moved = opened(GOOD.replace("bucket: pages", "bucket: other"))
    with pytest.raises(ConflictError, match=r"live was approved.*other/live now"):
        moved.open("shop", approved["shop"])
    with pytest.raises(ConflictError, match="submit it again"):
        moved.in_order(approved)
    with pytest.raises(ConflictError, match="no target shop any more"):
        opened("targets: {site: {kind: directory, path: x}}").open("shop", approved["shop"])


def test_a_secret_that_is_missing_or_none_is_waited_for() -> None:
    approved = parse_targets(parse(GOOD, "targets.yaml"), HOME).locations
    with pytest.raises(UnavailableError, match="SHOP_ID is not set"):
        opened(secrets={}).open("shop", approved["shop"])
    for secret in ("hunter2!", "whsec_c2hvcnQ=", "whsec_" + "A" * 200):
        with pytest.raises(UnavailableError, match="HOOK_SECRET holds no secret") as refused:
            opened(secrets={"HOOK_SECRET": secret}).open("hook", approved["hook"])
        assert secret not in str(refused.value)
    for name, location in approved.items():
        opened().open(name, location)


def test_without_a_list_there_is_one_directory(tmp_path: Path) -> None:
    settings = Settings.from_environment(
        {"PLACET_HOME": str(tmp_path), "PLACET_POLICIES": str(tmp_path)}
    )
    assert read_targets(settings).locations == {"site": (tmp_path / "site").as_uri()}
    named = Settings.from_environment({"PLACET_TARGETS": str(tmp_path / "gone.yaml")})
    with pytest.raises(InvalidInputError, match="check that the file is there"):
        read_targets(named)


def test_a_list_that_breaks_while_the_worker_runs_is_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "targets.yaml"
    file.write_text("targets: {site: {kind: directory, path: site}}")
    settings = Settings.from_environment(
        {"PLACET_HOME": str(tmp_path), "PLACET_TARGETS": str(file)}
    )
    targets = ListedTargets(lambda: read_targets(settings))
    approved = read_targets(settings).locations
    file.write_text("targets: [")
    with pytest.raises(UnavailableError, match="cannot be used"):
        targets.open("site", approved["site"])
    file.write_text("targets: {site: {kind: directory, path: site}}")
    targets.open("site", approved["site"])


def test_the_shipped_list_can_be_used() -> None:
    settings = Settings.from_environment({"PLACET_HOME": "/srv/placet"})
    assert read_targets(settings).locations == {"site": "file:///srv/placet/site"}
