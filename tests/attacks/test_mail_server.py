"""A mail server, or something else on its port, answers what no mail server should."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

import pytest

from placet.domain.delivery import DeliveryStatus
from placet.mail.server import Security, SmtpServer
from placet.mail.smtp import Answer, LostError, connection

USUAL = {"EHLO": b"250 here\r\n", "DATA": b"354 go on\r\n", "QUIT": b"221 bye\r\n"}
BODY = (b"Subject: x\r\n\r\n", b"RCPT TO:<carol@example.com>\r\n")


async def handed_over(odd: Mapping[str, bytes]) -> tuple[Answer | LostError | None, list[str]]:
    """Hand a mail to a server that gives ``odd`` answers; return what comes of it, and its lines.

    Args:
        odd: Command, or ``.`` for the end of a mail, to what is answered instead.
    """
    lines: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            writer.write(b"220 here\r\n")
            inside = False
            while line := (await reader.readline()).decode():
                lines.append(line)
                inside = inside and line != ".\r\n"
                if not inside:
                    command = line[:4].strip()
                    answer = {**USUAL, **odd}.get(command, b"250 taken\r\n")
                    inside = command == "DATA" and answer == USUAL["DATA"]
                    writer.write(answer)

    async def claim() -> bool:
        return True

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as running:
        port = running.sockets[0].getsockname()[1]
        server = SmtpServer(host="127.0.0.1", port=port, security=Security.NONE)
        async with connection(server) as line:
            try:
                return await line.hand_over("a@example.com", "b@example.com", BODY, claim), lines
            except LostError as error:
                return error, lines


@pytest.mark.parametrize("answer", [b"250 sure\r\n", b"220 here\r\n", b"300 hm\r\n", b"999 no\r\n"])
@pytest.mark.parametrize("command", ["DATA", "MAIL"])
async def test_a_mail_is_not_written_where_it_would_be_taken_for_commands(
    command: str, answer: bytes
) -> None:
    if (command, answer[:1]) == ("MAIL", b"2"):
        answer = b"354 go on\r\n"
    found, lines = await handed_over({command: answer})
    assert isinstance(found, LostError)
    assert BODY[1].decode() not in lines


@pytest.mark.parametrize("answer", [b"354 go on\r\n", b"199 hm\r\n", b"999 no\r\n", b"hello\r\n"])
async def test_a_mail_is_sent_only_when_the_server_says_so(answer: bytes) -> None:
    found, _ = await handed_over({".": answer})
    assert isinstance(found, Answer)
    assert found.status is DeliveryStatus.IN_DOUBT
