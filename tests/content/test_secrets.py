import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.content.patterns import PatternError, Text, compiled, forbidden
from placet.content.secrets import secrets
from placet.domain.content_rules import ForbiddenPattern

# Made up for this test, and put together here so that no scanner of repositories takes them for
# real ones.
REAL = {
    "a private key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "an AWS access key": "AKIA" + "Q3EGRZ6B5KJ3DMNA",
    "a GitHub token": "ghp_" + "a1B2" * 9,
    "a GitLab token": "glpat-" + "x9_Kd8-Yq2Lm4Nv6Bt1z",
    "a Slack token": "xoxb-" + "123456789012-abcdefGHIJKL",
    "a Slack webhook": "hooks.slack.com/" + "services/T012AB/B345CD/a1b2c3d4e5f6a7b8c9d0e1f2",
    "a Stripe key": "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc",
    "a Google API key": "AIza" + "SyD-1234567890abcdefghijklmnopqrstu",
    "an API key of a language model": "sk-ant-" + "a1B2c3D4e5F6" * 4,
    "an npm token": "npm_" + "a1B2" * 9,
    "a PyPI token": "pypi-" + "AgEIcHlwaS5vcmc" + "a1B2c3" * 10,
    "a SendGrid key": "SG." + "a" * 22 + "." + "b" * 43,
    "a Telegram bot's token": "123456789:" + "AA" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q",
    "a JSON Web Token": "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0NTY3ODkwIn0.SflKxwRJSMeKKF2QT4",
    "a password in an address": "postgres://app:" + "h7Kq2vLm9@db.example.com/app",
    "a password or a key": "password = " + "sommer-Regen-2026",
}
HARMLESS = [
    "The password: choose one of at least twelve characters.",
    "Set password=changeme1 first, then your own.",
    "token: <your token here>",
    "The secret: be kind to people who read your code.",
    "api_key = ${API_KEY_2}",
    "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "https://example.com:8443/path and ssh://git@example.com/repository",
    "Passwords: see chapter 12.",
    "ACCOUNT NUMBER AKIA",
]


@pytest.mark.parametrize("what", REAL)
def test_what_looks_like_a_secret_is_found_on_its_line(what: str) -> None:
    text = f"# Title\n\nSome words, {REAL[what]} and more.\nThe end."
    assert [(found.line, found.what) for found in secrets(Text(text))] == [(3, what)]


@pytest.mark.parametrize("text", HARMLESS)
def test_what_people_write_about_secrets_is_none(text: str) -> None:
    assert list(secrets(Text(text))) == []


@pytest.mark.rule(number=12)
def test_nothing_that_is_found_repeats_the_secret() -> None:
    for value in REAL.values():
        for found in secrets(Text(f"x {value} y")):
            assert value[-9:] not in repr(found)


def test_a_line_with_three_passwords_is_said_once() -> None:
    line = " ".join(f"password: Qw{number}erTz-{number}7x" for number in range(3))
    assert [found.line for found in secrets(Text(f"\n{line}\n"))] == [2]


def rule(pattern: str) -> ForbiddenPattern:
    return ForbiddenPattern(pattern=pattern, why="we do not say that")


def test_forbidden_words_are_found_on_their_lines_in_any_case() -> None:
    text = Text("A Guarantee.\nnothing\nguaranteed, guarantee\nünï guarantee\n")
    found = list(forbidden(text, [rule(r"\bguarantee"), rule("nothing$")]))
    assert [hit.line for hit in found] == [1, 3, 4, 2]
    assert {hit.why for hit in found} == {"we do not say that"}


def test_a_pattern_never_reaches_over_the_end_of_a_line() -> None:
    text = Text("best\nprice\n\n")
    assert list(forbidden(text, [rule(r"best\s+price"), rule(r"[^x]+ice$")])) == [
        (2, "we do not say that")
    ]


@pytest.mark.parametrize("pattern", ["(?=x)y", "(a", r"(\w+)\1", "x*", "^$", "a{0,1000}{0,1000}b"])
def test_a_pattern_that_cannot_work_is_refused_with_its_reason(pattern: str) -> None:
    with pytest.raises(PatternError, match=r"write it|say what"):
        compiled(pattern)


def test_a_hostile_text_takes_no_longer_than_a_friendly_one() -> None:
    # Python's own engine would need longer than the universe is old for the first of these.
    hostile = Text("a" * 100_000 + "b")
    assert list(forbidden(hostile, [rule(r"(a+)+$"), rule(r"(a|aa)+c")])) == []


@given(st.text(max_size=400))
def test_no_text_troubles_the_search(text: str) -> None:
    lines = text.count("\n") + 1
    assert all(1 <= found.line <= lines for found in secrets(Text(text)))
    assert all(1 <= hit.line <= lines for hit in forbidden(Text(text), [rule("a|é|[0-9]")]))
