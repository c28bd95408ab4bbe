"""Makes a readable message of a notice."""

import shlex
from datetime import UTC

from placet.domain.record import Notice, NoticeKind
from placet.domain.text import clean_text

_LONGEST_ID = 1_000

_SUBJECTS = {
    NoticeKind.REVIEW_WANTED: "Your approval is wanted",
    NoticeKind.REMINDER: "Reminder: your approval is wanted",
    NoticeKind.ESCALATION: "Escalated to you: an approval is wanted",
    NoticeKind.CHANGES_REQUESTED: "Changes are wanted",
    NoticeKind.EDITED: "Your request was changed",
    NoticeKind.EDIT_PROPOSED: "A change of your request is proposed",
    NoticeKind.DECIDED: "Decided",
    NoticeKind.EFFECT_DONE: "Done",
    NoticeKind.EFFECT_FAILED: "Approved, but it could not be carried out",
    NoticeKind.EFFECT_STOPPED: "Stopped before all was done",
    NoticeKind.REVOKED: "The approval was taken back",
    NoticeKind.IN_FORCE: "Done, for a time",
    NoticeKind.EFFECT_ENDED: "Over",
    NoticeKind.GLASS_BROKEN: "ALARM: carried out before anybody has reviewed it",
    NoticeKind.ACCESS_DIFFERS: "Access is not as it was granted",
}
_SHOWS = {NoticeKind.EDITED, NoticeKind.IN_FORCE, NoticeKind.GLASS_BROKEN}
_ASKS = {NoticeKind.REVIEW_WANTED, NoticeKind.REMINDER, NoticeKind.ESCALATION}


def subject(notice: Notice) -> str:
    """Return the message's subject: one line."""
    return f"{_SUBJECTS[notice.kind]}: {_line(notice.title)}"


def message(notice: Notice) -> str:
    """Return the whole message, as plain text."""
    lines = [
        f"To: {', '.join(f'{_line(p.name)} <{_line(p.address)}>' for p in notice.to)}",
        f"Subject: {subject(notice)}",
        "",
        _about(notice),
    ]
    if notice.amount:
        lines.append(f"Amount:   {notice.amount}")
    lines.append(f"Request:  {_id(notice)}")
    if notice.stage:
        lines.append(f"Stage:    {_line(notice.stage)}")
    if notice.due:
        lines.append(f"Until:    {notice.due.astimezone(UTC):%Y-%m-%d %H:%M} UTC")
    if notice.text:
        lines += ["", *(f"  {line}" for line in notice.text.splitlines())]
    if notice.kind in _ASKS:
        lines += ["", *_how(notice)]
    if notice.kind is NoticeKind.CHANGES_REQUESTED:
        lines += ["", f"Change it, then: placet resubmit {_argument(notice)} FILE"]
    if notice.kind in _SHOWS:
        lines += ["", f"Look at it:  placet show {_argument(notice)}"]
    if notice.kind is NoticeKind.EDIT_PROPOSED:
        lines += ["", *_proposed(notice)]
    return "\n".join(lines) + "\n"


def _about(notice: Notice) -> str:
    says = "has looked at" if notice.kind is NoticeKind.ACCESS_DIFFERS else "asks:"
    return f"{_line(notice.requester)} {says} {_line(notice.title)}"


def _how(notice: Notice) -> list[str]:
    case = _argument(notice)
    return [
        f"Look at it:  placet show {case}",
        f"Decide:      placet approve {case} --as YOU --reason WHY",
        f"        or:  placet reject {case} --as YOU --reason WHY",
    ]


def _proposed(notice: Notice) -> list[str]:
    case = _argument(notice)
    return [
        f"Look at it:     placet show {case}",
        f"Take it over:   placet agree {case} --as YOU",
        f"Or change it otherwise:  placet resubmit {case} FILE --as YOU",
    ]


def _id(notice: Notice) -> str:
    """Return the case's id in one line: whoever starts a workflow chooses what it is."""
    return clean_text(notice.request, _LONGEST_ID, multiline=False, truncate=True)


def _argument(notice: Notice) -> str:
    """Return the case's id as one word of a command, for who copies the line into a shell."""
    return shlex.quote(_id(notice))


def _line(text: str) -> str:
    """Return text that cannot begin a line or a header of its own."""
    return " ".join(text.split())
