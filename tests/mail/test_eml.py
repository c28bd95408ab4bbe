import base64
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.domain.errors import InvalidInputError
from placet.mail.eml import read_eml, taken_apart
from placet.pipelines.send import parse_mail

PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 20
HEAD = "From: Alice Adams <alice@example.com>\r\nTo: bob@example.com\r\nSubject: Lunch\r\n"


def eml(head: str = "", body: str = "At noon?\r\n") -> bytes:
    """Return a mail with more headers."""
    return f"{HEAD}{head}\r\n{body}".encode()


def refusal(content: bytes) -> str:
    """Return why a mail is refused."""
    with pytest.raises(InvalidInputError) as caught:
        taken_apart(content)
    return str(caught.value)


def test_a_mail_of_a_mail_program_becomes_a_request(tmp_path: Path) -> None:
    picture = base64.b64encode(PNG).decode()
    content = (
        "From: =?utf-8?q?Alice_=C3=84dams?= <alice@example.com>\r\n"
        "Sender: Dave <dave@example.com>\r\n"
        "To: Bob <bob@example.com>, Team: carol@example.com, erin@example.com;\r\n"
        "Cc: frank@example.com\r\n"
        "Bcc: grace@example.com\r\n"
        "Reply-To: team@example.com\r\n"
        "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
        "Date: Mon, 2 Mar 2026 09:00:00 +0100\r\n"
        "Message-ID: <old@example.com>\r\n"
        "In-Reply-To: <1@example.com>\r\n"
        "References: <0@example.com> <1@example.com>\r\n"
        "X-Mailer: Something 1.0\r\n"
        "X-Placet-Reference: lunch-1\r\n"
        "X-Placet-List: people.txt\r\n"
        "MIME-Version: 1.0\r\n"
        'Content-Type: multipart/mixed; boundary="m"\r\n'
        "\r\n"
        '--m\r\nContent-Type: multipart/related; boundary="r"\r\n\r\n'
        '--r\r\nContent-Type: multipart/alternative; boundary="a"\r\n\r\n'
        "--a\r\nContent-Type: text/plain; charset=iso-8859-1\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\nUm zw=F6lf?\r\n"
        "--a\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
        '<p>Um zwölf? <img src="cid:menu"></p>\r\n--a--\r\n'
        "--r\r\nContent-Type: image/png\r\nContent-ID: <menu>\r\nContent-Disposition: inline;"
        ' filename="menu.png"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
        f"{picture}\r\n--r--\r\n"
        "--m\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment;"
        " filename*=utf-8''Men%C3%BC.txt\r\n\r\nsoup\r\n--m--\r\n"
    ).encode()
    (tmp_path / "mail.eml").write_bytes(content)
    (tmp_path / "people.txt").write_text("heidi@example.com\n")

    found = read_eml(tmp_path / "mail.eml")
    request = parse_mail(found.request)

    assert request.requester == "dave@example.com"
    assert str(request.sender) == "Alice Ädams <alice@example.com>"
    assert [each.address for each in request.to] == [
        "bob@example.com",
        "carol@example.com",
        "erin@example.com",
    ]
    assert [each.address for each in (*request.cc, *request.bcc)] == [
        "frank@example.com",
        "grace@example.com",
    ]
    assert (request.subject, request.reference) == ("Grüße", "lunch-1")
    assert request.references == ("<0@example.com>", "<1@example.com>")
    assert request.text == "Um zwölf?"
    assert request.html == '<p>Um zwölf? <img src="cid:menu"></p>'
    assert [(file.name, file.media_type, file.cid) for file in request.attachments] == [
        ("menu.png", "image/png", "menu"),
        ("Menü.txt", "text/plain", None),
    ]
    assert [each.name for each in request.lists] == ["people.txt"]
    assert {file.content for file in found.files} == {PNG, b"soup", b"heidi@example.com\n"}


def test_the_sender_is_the_requester_where_nobody_else_is_named() -> None:
    request, _ = taken_apart(eml())
    assert request["requester"] == "alice@example.com"
    assert request["text"].strip() == "At noon?"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (eml("Subject: again\r\n"), "subject: it is there twice"),
        (eml("From: eve@example.com\r\n"), "from: it is there twice"),
        (eml("Resent-To: eve@example.com\r\n"), "resent-to: this header cannot be sent"),
        (eml("Disposition-Notification-To: a@b.de\r\n"), "cannot be sent"),
        (eml('Content-Type: multipart/signed; boundary="x"\r\n', "--x\r\n\r\nx\r\n--x--"), "as it"),
        (eml('Content-Type: multipart/mixed; boundary="x"\r\n', "nothing"), "damaged"),
        (eml("Content-Type: text/plain; charset=klingon\r\n"), "character set is unknown"),
        (
            eml(
                'Content-Type: multipart/mixed; boundary="x"\r\n',
                "--x\r\n\r\na\r\n--x\r\n\r\nb\r\n--x--",
            ),
            "text: it is there twice",
        ),
        (
            eml("Content-Disposition: attachment; filename=x.pdf\r\n", ""),
            "it is empty; take it out",
        ),
    ],
)
def test_what_cannot_be_sent_as_it_is_is_refused(content: bytes, said: str) -> None:
    assert said in refusal(content)


def test_parts_inside_each_other_without_end_are_refused() -> None:
    body = "".join(
        f'--b{level}\r\nContent-Type: multipart/mixed; boundary="b{level + 1}"\r\n\r\n'
        for level in range(2_000)
    )
    content = eml('Content-Type: multipart/mixed; boundary="b0"\r\n', body)
    assert "mail" in refusal(content)


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "..", "a\\\\b.txt", "a\u202egpj.exe", "a\x01.txt"]
)
def test_a_file_name_that_leads_elsewhere_is_refused(name: str) -> None:
    part = f'Content-Disposition: attachment; filename="{name}"\r\n\r\nx\r\n'
    content = eml(
        'Content-Type: multipart/mixed; boundary="x"\r\n', f"--x\r\n\r\nhi\r\n--x\r\n{part}--x--"
    )
    with pytest.raises(InvalidInputError, match=r"attachments\[0\]\.name"):
        parse_mail(taken_apart(content)[0])


@pytest.mark.rule(number=12)
@pytest.mark.parametrize(
    "subject", ["=?utf-8?q?x=0D=0ABcc:_eve=40example.com?=", "=?utf-8?b?eA0KQmNjOiBl?="]
)
def test_a_header_hidden_in_another_is_refused(subject: str) -> None:
    content = f"From: a@example.com\r\nTo: b@example.com\r\nSubject: {subject}\r\n\r\nx".encode()
    try:
        request, _ = taken_apart(content)
        parsed = parse_mail(request)
    except InvalidInputError:
        return
    assert "\n" not in parsed.subject
    assert [each.address for each in parsed.named] == ["b@example.com"]


def test_a_mail_that_names_a_list_outside_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mail.eml").write_bytes(eml("X-Placet-List: ../people.txt\r\n"))
    with pytest.raises(InvalidInputError, match="no path below"):
        read_eml(tmp_path / "mail.eml")


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, PNG, b"hello", b"From: x\r\n\r\n"])
def test_what_is_no_mail_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidInputError):
        parse_mail(taken_apart(content)[0])


@given(st.binary(max_size=300))
def test_no_file_makes_the_reader_stumble(content: bytes) -> None:
    for whole in (content, HEAD.encode() + content):
        with suppress(InvalidInputError):
            parse_mail(taken_apart(whole)[0])
