import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from placet.domain.delivery import DeliveryStatus
from placet.domain.errors import InvalidInputError
from placet.mail.server import Security, SmtpServer, parse_server
from placet.mail.smtp import Answer, LostError, ServerAwayError, connection
from placet.settings import Settings
from tests.mail.letters import attached, first, letter, mail
from tests.support.mailserver import HANG_UP, TAKE_AND_HANG_UP, MailServer, mail_server

BOB = "bob@example.com"
PASSWORD = "correct horse"  # noqa: S105 - the test server's
WRONG = "battery staple"
SENT, WAITING = DeliveryStatus.SENT, DeliveryStatus.WAITING
REFUSED, DOUBT = DeliveryStatus.REFUSED, DeliveryStatus.IN_DOUBT


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    async with mail_server() as running:
        yield running


async def hand_over(server: SmtpServer, *, leave: bool = True) -> Answer | None:
    """Hand a mail over on a new connection."""
    request = mail()

    async def claim() -> bool:
        return leave

    async with connection(server) as line:
        return await line.hand_over(
            "alice@example.com", BOB, letter(request).parts_for(first(request)), claim
        )


async def test_a_mail_that_the_server_takes_is_sent(server: MailServer) -> None:
    answer = await hand_over(server.settings())

    assert answer == Answer(SENT, 250, "taken")
    (taken,) = server.taken
    assert (taken.sender, taken.recipient) == ("alice@example.com", BOB)
    assert taken.message["To"] == BOB
    assert taken.message.get_content() == "At noon?\r\n"


@pytest.mark.parametrize(
    ("command", "said", "status", "everybody"),
    [
        ("MAIL", "550 you may not send", REFUSED, True),
        ("MAIL", "450 slow down", WAITING, False),
        ("RCPT", "550 no such user", REFUSED, False),
        ("RCPT", "452 mailbox full", WAITING, False),
        ("DATA", "554 this is spam", REFUSED, False),
        ("DATA", "451 try later", WAITING, False),
        ("DATA", "421 going down", WAITING, False),
    ],
)
async def test_what_the_server_will_never_take_and_what_it_will_later_are_told_apart(
    server: MailServer, command: str, said: str, status: DeliveryStatus, *, everybody: bool
) -> None:
    server.will_answer(command, "*", said)
    code, _, words = said.partition(" ")

    assert await hand_over(server.settings()) == Answer(status, int(code), words, everybody)
    assert server.taken == []


async def test_after_a_refusal_the_same_connection_takes_the_next(server: MailServer) -> None:
    server.will_answer("RCPT", "*", "550 no such user")
    request = mail()

    async def claim() -> bool:
        return True

    async with connection(server.settings()) as line:
        for expected in (REFUSED, SENT, SENT):
            answer = await line.hand_over(
                "alice@example.com", BOB, letter(request).parts_for(first(request)), claim
            )
            assert answer is not None
            assert answer.status is expected


@pytest.mark.parametrize("command", ["MAIL", "RCPT"])
async def test_a_connection_lost_before_the_mail_has_lost_nothing(
    server: MailServer, command: str
) -> None:
    server.will_answer(command, "*", HANG_UP)

    with pytest.raises(LostError, match="the connection broke"):
        await hand_over(server.settings())


@pytest.mark.parametrize("answer", [HANG_UP, TAKE_AND_HANG_UP])
async def test_a_connection_lost_after_the_mail_leaves_it_in_doubt(
    server: MailServer, answer: str
) -> None:
    server.will_answer("DATA", "*", answer)

    told = await hand_over(server.settings())

    assert told is not None
    assert (told.status, told.code) == (DOUBT, None)


@pytest.mark.parametrize("ends", [False, True])
async def test_a_connection_lost_inside_a_large_mail_is_in_doubt_only_after_its_end(
    *, ends: bool
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        while (line := await reader.readline()).split()[0] != b"DATA":
            writer.write(b"221 bye\r\n" if line.startswith(b"QUIT") else b"250 OK\r\n")
        writer.write(b"354 go on\r\n")
        if ends:
            await reader.readuntil(b"\r\n.\r\n")
        else:
            await reader.readexactly(1_000_000)
        writer.transport.abort()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, limit=16 * 1024 * 1024)
    port = listening.sockets[0].getsockname()[1]
    content = bytes(6_000_000)
    request = mail(attachments=[attached(content, "large.bin", "application/octet-stream")])

    async def claim() -> bool:
        return True

    async with listening:
        server = SmtpServer(host="127.0.0.1", port=port, security=Security.NONE)
        async with connection(server) as line:
            answer = await line.hand_over(
                "alice@example.com", BOB, letter(request, content).parts_for(first(request)), claim
            )
    assert answer is not None
    assert answer.status is (DOUBT if ends else WAITING)


async def test_without_leave_the_server_throws_the_mail_away(server: MailServer) -> None:
    assert await hand_over(server.settings(), leave=False) is None
    assert await hand_over(server.settings()) == Answer(SENT, 250, "taken")
    assert len(server.taken) == 1


async def test_what_a_server_says_is_made_harmless(server: MailServer) -> None:
    server.will_answer("RCPT", "*", "550 \x1b[31mno\u202e" + "x" * 400)

    answer = await hand_over(server.settings())

    assert answer is not None
    assert answer.reply.isprintable()
    assert len(answer.reply) <= 300


async def test_a_server_that_is_down_is_away() -> None:
    async with mail_server() as gone:
        pass
    with pytest.raises(ServerAwayError, match=f"127.0.0.1:{gone.port}: it does not answer"):
        await hand_over(gone.settings())


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a certificate for 127.0.0.1 and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    begin = datetime.now(UTC) - timedelta(hours=1)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=2))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


def serving(certificate: Path) -> ssl.SSLContext:
    """Return what the server shows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
async def test_the_way_to_the_server_is_encrypted_and_logged_in(
    certificate: Path, security: Security
) -> None:
    from_start = security is Security.TLS
    async with mail_server(context=serving(certificate), from_start=from_start) as server:
        settings = server.settings(security, user="placet", password=PASSWORD, ca_file=certificate)
        assert await hand_over(settings) == Answer(SENT, 250, "taken")
    assert server.logins == [("placet", PASSWORD)]


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
async def test_a_certificate_that_nobody_vouches_for_gets_no_password(
    certificate: Path, security: Security
) -> None:
    from_start = security is Security.TLS
    async with mail_server(context=serving(certificate), from_start=from_start) as server:
        settings = server.settings(security, user="placet", password=PASSWORD)
        with pytest.raises(ServerAwayError, match="certificate is not to be trusted"):
            await hand_over(settings)
    assert server.logins == []


async def test_a_server_without_tls_gets_no_password(server: MailServer) -> None:
    settings = server.settings(Security.STARTTLS, user="placet", password=PASSWORD)
    with pytest.raises(ServerAwayError):
        await hand_over(settings)
    assert server.logins == []


async def test_a_refused_login_says_what_to_correct_and_not_the_password(
    certificate: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with mail_server(context=serving(certificate)) as server:
        settings = server.settings(
            Security.STARTTLS, user="placet", password=WRONG, ca_file=certificate
        )
        with pytest.raises(ServerAwayError, match="refuses the login; correct") as refused:
            await hand_over(settings)
    told = f"{refused.value!r} {settings!r} {settings} {caplog.text}"
    assert WRONG not in told
    assert server.logins


@pytest.mark.parametrize(
    "url",
    [
        "https://mail.example.com",
        "smtp://",
        "smtp://mail.example.com:99999",
        "smtp://mail.example.com/path",
        "smtp://bob@mail.example.com",
        "smtps://:tiptop@mail.example.com",
        "smtp+plain://bob:tiptop@mail.example.com",
        "smtp://bob:tiptop@[mail",
    ],
)
def test_a_wrong_address_of_a_server_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(InvalidInputError, match="PLACET_SMTP_URL") as refused:
        Settings.from_environment({"PLACET_SMTP_URL": url})
    assert "tiptop" not in str(refused.value)
    assert "PLACET_SMTP_PASSWORD" in str(refused.value)


@pytest.mark.parametrize(
    ("url", "port", "security"),
    [
        ("smtp://mail.example.com", 587, Security.STARTTLS),
        ("smtps://mail.example.com", 465, Security.TLS),
        ("smtp+plain://localhost", 25, Security.NONE),
        ("smtp://mail.example.com:2525", 2525, Security.STARTTLS),
    ],
)
def test_an_address_says_how_the_way_is_protected(url: str, port: int, security: Security) -> None:
    server = SmtpServer.model_validate(parse_server(url))
    assert (server.port, server.security, server.user) == (port, security, None)


def test_a_password_may_stand_in_the_address_or_beside_it() -> None:
    url = "smtp://bob%40example.com:p%3Aw@mail.example.com"
    for password, expected in ((None, "p:w"), ("other", "other")):
        server = SmtpServer.model_validate(parse_server(url, password))
        assert server.user == "bob@example.com"
        assert server.password is not None
        assert server.password.get_secret_value() == expected


async def test_many_mails_go_over_one_connection(server: MailServer) -> None:
    request = mail()

    async def claim() -> bool:
        await asyncio.sleep(0)
        return True

    async with connection(server.settings()) as line:
        for _ in range(50):
            await line.hand_over(
                "alice@example.com", BOB, letter(request).parts_for(first(request)), claim
            )
        assert line.is_open
    assert len(server.taken) == 50
