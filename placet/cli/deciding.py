"""Bring a message to a case: show what it is about, sign it when asked, send it, say the answer."""

import os
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from placet.cli import world
from placet.cli.codes import Code, code_of
from placet.cli.console import as_json, out, say
from placet.connections import connect_temporal, open_ledger
from placet.decisions import (
    EndedError,
    RefusedError,
    Sent,
    answer_from_ledger,
    send,
)
from placet.digest import read_json
from placet.domain.errors import InvalidInputError, NotFoundError, PlacetError, UnavailableError
from placet.domain.ledger_rows import RequestRow
from placet.domain.message import Message
from placet.domain.plan import PersonRef
from placet.domain.review import Answer
from placet.domain.vocabulary import Action
from placet.planned import require_proposal
from placet.ports import Ledger
from placet.settings import Settings

CHANNEL = "cli"
_SHOWN = 12


@dataclass(frozen=True)
class Wish:
    """What somebody typed.

    Attributes:
        action: What to do.
        request_id: To which case.
        actor: Who they say they are.
        reason: Why.
        decision_id: The key of the decision; None to make one.
        digest: Of the revision they mean; None for the one that is stored now.
        key: The file of the private key to sign with.
        stage: The stage to sign for; None for the open one.
        to: Who takes the seat, for ``reassign``.
        seat_of: Whose seat, for ``reassign``.
        file: The changed request, for ``resubmit`` and ``edit``.
        agrees: Whether what a reviewer proposes is resubmitted instead.
        wait: Whether to ask for an answer.
        json: Whether to print JSON.
    """

    action: Action
    request_id: str
    actor: str
    reason: str = ""
    decision_id: str | None = None
    digest: str | None = None
    key: Path | None = None
    stage: str | None = None
    to: str | None = None
    seat_of: str | None = None
    file: str | None = None
    agrees: bool = False
    wait: bool = True
    json: bool = False


async def carry_out(wish: Wish) -> int:
    """Send what is wished, print what came of it, and return the exit code."""
    settings = Settings.from_environment()
    client = await connect_temporal(settings)
    async with open_ledger(settings) as ledger:
        row = await _look(ledger, wish)
        message = await _message(settings, ledger, wish, row)
        _show(row, message)
        try:
            delivery = await send(
                client, wish.request_id, message, settings.task_queue, wait=wish.wait
            )
            sent, answer = delivery.sent, delivery.answer
        except EndedError:
            sent = Sent.ANSWERED
            try:
                caller = _known(settings, message.actor)
                answer = await answer_from_ledger(ledger, wish.request_id, message, caller)
            except RefusedError as error:
                return _refused(error, message, json=wish.json)
        except RefusedError as error:
            return _refused(error, message, json=wish.json)
    return _told(sent, answer, message, wish)


def _known(settings: Settings, address: str) -> PersonRef | None:
    """Return whom the directory knows under an address; None without one that can be read."""
    with suppress(PlacetError):
        found = world.people(settings).resolve(address)
        return found.ref() if found else None
    return None


async def _look(ledger: Ledger, wish: Wish) -> RequestRow | None:
    """Return the case as it is stored; without the ledger only what needs no digest goes on."""
    try:
        return await ledger.request(wish.request_id)
    except UnavailableError as error:
        if wish.action.judges and wish.digest is None:
            raise UnavailableError(
                f"{error} Or say which revision you mean, with --digest."
            ) from error
        say("the ledger does not answer; sending it without a look at the case")
        return None


async def _message(
    settings: Settings, ledger: Ledger, wish: Wish, row: RequestRow | None
) -> Message:
    decision = wish.decision_id or str(uuid.uuid4())
    digest = wish.digest
    if digest is None and row is not None and wish.action.judges:
        digest = row.digest
    told: dict[str, Any] = {
        "actor": wish.actor,
        "action": wish.action,
        "reason": wish.reason,
        "decision_id": decision,
        "digest": digest,
        "channel": CHANNEL,
        "seat_of": wish.seat_of,
        "to": wish.to,
    }
    if wish.file is not None:
        told["request"] = await _changed_request(settings, ledger, wish, row)
    if wish.agrees:
        # Bound to the revision that the proposal was made on: another one may have another.
        told["request"] = await _proposed(ledger, wish, row)
        told["digest"] = row.digest if row is not None else None
    if wish.key is not None:
        told["attestation"] = _signature(wish, row, decision, digest)
    try:
        return Message.model_validate(told)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, item['loc']))}: {item['msg']}"
            for item in error.errors(include_input=False, include_url=False)
        )
        raise InvalidInputError(f"this cannot be sent: {problems}; correct it") from None


async def _changed_request(
    settings: Settings, ledger: Ledger, wish: Wish, row: RequestRow | None
) -> dict[str, Any]:
    """Read the changed request and keep its files where the worker finds them."""
    from placet.cli.submitting import read_request  # noqa: PLC0415 - only this action needs it
    from placet.registry import pipeline_named  # noqa: PLC0415 - the same
    from placet.submission import store_files  # noqa: PLC0415 - the same

    name = row.pipeline if row is not None else wish.request_id.partition("-")[0]
    pipeline = pipeline_named(name)
    if pipeline is None:
        raise InvalidInputError(f"there is no pipeline {name}; check the id {wish.request_id}")
    read = await read_request(settings, pipeline, str(wish.file))
    await store_files(read.files, ledger)
    return read.prepared.request.model_dump(mode="json")


async def _proposed(ledger: Ledger, wish: Wish, row: RequestRow | None) -> Any:
    """Return the request that a reviewer proposes."""
    if row is None:
        raise NotFoundError(f"nobody proposes a change of {wish.request_id}; see: placet list")
    found = require_proposal(await ledger.timeline(row.request), row)
    return read_json(await ledger.get_content(found.digest))


def _signature(wish: Wish, row: RequestRow | None, decision: str, digest: str | None) -> str:
    from placet.attestation import Claims, sign  # noqa: PLC0415 - only a signature needs it

    stage = wish.stage or (row.stage if row else None)
    if row is None or digest is None or stage is None:
        raise InvalidInputError(
            f"there is nothing to sign: {wish.request_id} has no open stage; look at it with "
            f"placet show {wish.request_id}, or name the stage with --stage"
        )
    claims = Claims(
        sub=wish.actor,
        req=wish.request_id,
        rev=row.revision,
        dig=digest,
        stage=stage,
        verdict=wish.action.value,
        iat=int(time.time()),
        jti=decision,
    )
    password = os.environ.get("PLACET_KEY_PASSWORD") or None
    return sign(Path(str(wish.key)), claims, password=password)


def _show(row: RequestRow | None, message: Message) -> None:
    """Say what is being decided, before it is."""
    if row is None:
        say(f"{message.action.value}: the case is not planned yet, so nothing of it can be shown")
        return
    digest = (message.digest or row.digest or "")[:_SHOWN]
    about = ", ".join(part for part in (row.title, row.amount) if part)
    say(f"{message.action.value}: {about} (revision {row.revision}, digest {digest})")


def _told(sent: Sent, answer: Answer | None, message: Message, wish: Wish) -> int:
    if wish.json:
        told = answer.model_dump(mode="json") if answer else {}
        as_json({"sent": sent.value, "decision_id": message.decision_id, **told})
    elif answer is not None:
        out(answer.message)
        if answer.event:
            say(f"receipt: event {answer.event[:_SHOWN]}, leaf {(answer.leaf or '')[:_SHOWN]}")
    else:
        out(f"sent, with the decision id {message.decision_id}")
    if answer is not None:
        return Code.OK
    if not wish.wait:
        return Code.OK
    why = "no worker answers" if sent is Sent.SIGNALLED else "the ledger does not answer yet"
    say(f"{why}: it will count when it can; follow it: placet show {wish.request_id}")
    return Code.UNCONFIRMED


def _refused(error: RefusedError, message: Message, *, json: bool) -> int:
    if json:
        told = error.answer.model_dump(mode="json") if error.answer else {}
        as_json(
            {
                "sent": Sent.ANSWERED.value,
                "decision_id": message.decision_id,
                "accepted": False,
                "refusal": error.refusal.value,
                "message": str(error),
                **told,
            }
        )
    say(f"refused: {error}")
    return code_of(error)
