"""Makes a readable message of a notice."""

from datetime import UTC

from placet.domain.record import Notice, NoticeKind

_SUBJECTS = {
    NoticeKind.REVIEW_WANTED: "Your approval is wanted",
    NoticeKind.REMINDER: "Reminder: your approval is wanted",
    NoticeKind.ESCALATION: "Escalated to you: an approval is wanted",
    NoticeKind.CHANGES_REQUESTED: "Changes are wanted",
    NoticeKind.DECIDED: "Decided",
    NoticeKind.EFFECT_DONE: "Done",
    NoticeKind.EFFECT_FAILED: "Approved, but it could not be carried out",
}
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
        f"{_line(notice.requester)} asks: {_line(notice.title)}",
    ]
    if notice.amount:
        lines.append(f"Amount:   {notice.amount}")
    lines.append(f"Request:  {notice.request}")
    if notice.stage:
        lines.append(f"Stage:    {_line(notice.stage)}")
    if notice.due:
        lines.append(f"Until:    {notice.due.astimezone(UTC):%Y-%m-%d %H:%M} UTC")
    if notice.text:
        lines += ["", *(f"  {line}" for line in notice.text.splitlines())]
    if notice.kind in _ASKS:
        lines += ["", *_how(notice)]
    if notice.kind is NoticeKind.CHANGES_REQUESTED:
        lines += ["", f"Change it, then: placet resubmit {notice.request} FILE"]
    return "\n".join(lines) + "\n"


def _how(notice: Notice) -> list[str]:
    return [
        f"Look at it:  placet show {notice.request}",
        f"Decide:      placet approve {notice.request} --as YOU --reason WHY",
        f"        or:  placet reject {notice.request} --as YOU --reason WHY",
    ]


def _line(text: str) -> str:
    """Return text that cannot begin a line or a header of its own."""
    return " ".join(text.split())
