import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from placet.domain.recipients import Recipient
from placet.domain.sending import Mailbox, SendRequest
from placet.mail.compose import Letter
from tests.mail.letters import STAMP, attached, first, letter, mail

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
ALLOWED = {
    *("message-id", "to", "cc", "from", "reply-to", "subject", "in-reply-to", "references"),
    *("date", "mime-version", "list-unsubscribe", "content-type", "content-transfer-encoding"),
}


def read(raw: bytes) -> EmailMessage:
    """Read a mail as its reader's program would, after SMTP has taken the doubled dots away."""
    message = message_from_bytes(re.sub(rb"(?m)^\.\.", b".", raw), policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def written(whole: Letter, recipient: Recipient) -> bytes:
    """Return a mail as DATA sends it."""
    return b"".join(whole.parts_for(recipient))


def sent(request: SendRequest, *contents: bytes, own: bool = False) -> EmailMessage:
    """Return what the first recipient reads."""
    return read(written(letter(request, *contents), first(request, own=own)))


def test_every_run_writes_the_same_bytes() -> None:
    request = mail(html="<p>At noon?</p>", attachments=[attached(PNG, "menu.png", "image/png")])
    recipient = first(request)

    assert written(letter(request, PNG), recipient) == written(letter(request, PNG), recipient)


def test_a_mail_says_what_was_approved_and_nothing_else() -> None:
    request = mail(
        cc=[{"address": "carol@example.com", "name": "Carol, of sales"}],
        bcc=[{"address": "dave@example.com"}],
        reply_to={"address": "team@example.com"},
        subject="Grüße aus Köln",
        text="Um zwölf?\n.\nFrom hier an",
        html='<p>Um zwölf? <img src="cid:menu"></p>',
        attachments=[
            attached(PNG, "Menü.png", "image/png", cid="menu"),
            attached(b"a;b\n", "list.csv", "text/plain"),
        ],
        references=["<1@example.com>", "<2@example.com>"],
    )
    message = sent(request, PNG, b"a;b\n")

    assert message["From"] == "Alice Adams <alice@example.com>"
    assert message["To"] == "bob@example.com"
    assert message["Cc"] == '"Carol, of sales" <carol@example.com>'
    assert message["Subject"] == "Grüße aus Köln"
    assert message["Reply-To"] == "team@example.com"
    assert message["In-Reply-To"] == "<2@example.com>"
    assert message["References"] == "<1@example.com> <2@example.com>"
    assert message["Date"] == "Mon, 02 Mar 2026 08:30:00 +0000"
    assert "dave" not in message.as_string()
    assert {name.lower() for name in message.keys()} <= ALLOWED  # noqa: SIM118 - headers repeat
    text = message.get_body(("plain",))
    html = message.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().splitlines() == ["Um zwölf?", ".", "From hier an"]
    assert html.get_content().strip() == request.html
    parts = {part.get_filename(): part for part in message.walk() if part.get_filename()}
    assert parts["Menü.png"].get_content() == PNG
    assert parts["Menü.png"]["Content-ID"] == "<menu>"
    assert parts["Menü.png"].get_content_disposition() == "inline"
    assert parts["list.csv"].get_content() == "a;b\n"
    assert parts["list.csv"].is_attachment()


def test_whoever_is_on_a_list_sees_nobody_else() -> None:
    request = mail(
        cc=[{"address": "carol@example.com"}], unsubscribe="https://example.com/leave?x=1"
    )
    erin = Recipient(Mailbox(address="erin@example.com", name="Erin"), own=True)
    message = read(written(letter(request), erin))

    assert message["To"] == "Erin <erin@example.com>"
    assert message["Cc"] is None
    assert message["List-Unsubscribe"] == "<https://example.com/leave?x=1>"
    assert "bob" not in message.as_string()


def test_message_ids_are_stable_and_name_one_mail() -> None:
    request = mail(cc=[{"address": "carol@example.com"}])
    whole = letter(request)
    own = [Recipient(mailbox, own=True) for mailbox in request.named]
    named = [Recipient(mailbox, own=False) for mailbox in request.named]

    assert len({whole.message_id(each) for each in named}) == 1
    assert len({whole.message_id(each) for each in (*own, *named)}) == 3
    for each in (*own, *named):
        assert read(written(whole, each))["Message-ID"] == whole.message_id(each)
        assert whole.message_id(each) == letter(request).message_id(each)
        assert whole.message_id(each).endswith("@example.com>")
    assert STAMP.permit not in whole.message_id(named[0])


INJECTIONS = [
    "Hi\r\nBcc: eve@example.com",
    "Hi\nBcc: eve@example.com",
    "Hi\rBcc: eve@example.com",
    "Hi\x0bBcc: eve@example.com",
    "Hi\x85Bcc: eve@example.com",
    "Hi\u2028Bcc: eve@example.com",
    "Hi\x00",
    "Hi\u202egnp.exe",
    "\r\n\r\nnew body",
]


@pytest.mark.rule(number=12)
@pytest.mark.parametrize("text", INJECTIONS)
@pytest.mark.parametrize(
    "field",
    ["subject", "sender", "reply_to", "to", "cc", "attachments", "lists", "reference"],
)
def test_no_field_can_bring_a_header_of_its_own(field: str, text: str) -> None:
    person = {"address": "bob@example.com", "name": text}
    told: dict[str, Any] = {
        "subject": text,
        "sender": person,
        "reply_to": person,
        "to": [person],
        "cc": [person],
        "attachments": [attached(b"x", text, "text/plain")],
        "lists": [{"name": text, "sha256": "a" * 64, "size": 1}],
        "reference": text,
    }
    if field == "reference":
        # It is no header: it is only cleaned, as on every screen.
        assert "\n" not in (mail(reference=text).reference or "")
        return
    with pytest.raises(ValidationError):
        mail(**{field: told[field]})


@pytest.mark.rule(number=12)
@pytest.mark.parametrize(
    "field", [{"references": ["<a@b>\r\nBcc: <e@f>"]}, {"unsubscribe": "https://x.de/\r\nBcc: e"}]
)
def test_no_other_header_can_bring_one_either(field: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        mail(**field)


names = st.text(max_size=60)


@pytest.mark.rule(number=12)
@given(subject=names, name=names, file=names, text=st.text(max_size=200))
def test_whatever_is_accepted_comes_out_as_it_went_in(
    subject: str, name: str, file: str, text: str
) -> None:
    try:
        request = mail(
            subject=subject,
            to=[{"address": "bob@example.com", "name": name}],
            text=text or "x",
            attachments=[attached(b"x", file, "application/octet-stream")],
        )
    except ValidationError:
        return
    raw = written(letter(request, b"x"), first(request))
    message = read(raw)

    assert message["Subject"] == request.subject
    assert [each.addr_spec for each in message["To"].addresses] == ["bob@example.com"]
    assert {key.lower() for key in message.keys()} <= ALLOWED  # noqa: SIM118 - headers repeat
    assert [part.get_filename() for part in message.iter_attachments()] == [
        request.attachments[0].name
    ]
    body = message.get_body(("plain",))
    assert body is not None
    assert body.get_content().replace("\r\n", "\n").removesuffix("\n") == request.text
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) < 998
    # A line of its own that is one dot would end the mail, and begin another one.
    assert b"\r\n.\r\n" not in raw
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert b"\r" not in raw.replace(b"\r\n", b"")
