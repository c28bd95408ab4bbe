"""The demonstration's hands: types commands, sends raw signals, lets time pass, and checks."""

import asyncio
import json
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, LiteralString

from obstore.store import S3Store
from psycopg import AsyncConnection, sql
from rich.console import Console
from rich.rule import Rule
from temporalio.client import Client
from temporalio.testing import TimeSkipper

from placet.demo.company import ROOT, Company
from placet.demo.mailbox import Mailbox
from placet.domain.errors import PlacetError
from placet.domain.ledger_rows import RequestRow
from placet.domain.vocabulary import EffectState
from placet.ledger.postgres import PostgresLedger

_UNSEALED: LiteralString = """
select from audit.leaf l where not exists (select from audit.sealed s where s.seq = l.seq)
union all
select from (select max(tree_size) as size from audit.checkpoint) newest
 where not exists (select from audit.cosignature c where c.tree_size = newest.size)
limit 1
"""
_PARTITIONS: LiteralString = """
select inhrelid::regclass::text from pg_inherits where inhparent = 'audit.event'::regclass
"""

PATIENCE = 120.0
"""How long a step may take, in seconds: a busy machine starts a program slowly."""


class DemoError(PlacetError):
    """The demonstration did not go as it must; what was expected stands in the message."""

    code = "demo"


class Theatre:
    """Where the scenes play.

    Attributes:
        company: Its people, policies and requests.
        console: Where the narration goes.
        mailbox: The mail server.
        witness: The public key of the ledger's witness.
    """

    def __init__(  # noqa: PLR0913 - the parts of a running service
        self,
        console: Console,
        company: Company,
        *,
        client: Client,
        ledger: PostgresLedger,
        temporal: Path,
        environment: Mapping[str, str],
        mailbox: Mailbox,
        witness: str,
        bucket: S3Store,
        shop: str,
        superuser: str,
    ) -> None:
        """Play with these parts.

        ``shop`` is an administrator's connection to the sample, ``superuser`` one to the ledger.
        """
        self.console = console
        self.company = company
        self.mailbox = mailbox
        self.witness = witness
        self._bucket = bucket
        self._shop = shop
        self._superuser = superuser
        self._client = client
        self._skipper = TimeSkipper(client)
        self._ledger = ledger
        self._temporal = temporal
        self._environment = {**os.environ, **environment}

    def scene(self, number: int, title: str) -> None:
        """Open a scene."""
        self.console.print()
        self.console.print(Rule(f"[bold]{number}. {title}[/bold]", align="left"))

    def say(self, text: str) -> None:
        """Narrate."""
        self.console.print(f"[italic]{text}[/italic]")

    async def submit(self, file: Path, pipeline: str = "expense") -> str:
        """Submit a request with the command line; return its id."""
        out = await self.placet(pipeline, str(file))
        return out.strip().splitlines()[-1]

    async def in_storage(self, key: str) -> bytes:
        """Return what the S3-compatible storage has under a key of what is published."""
        return bytes(await (await self._bucket.get_async(f"live/{key}")).bytes_async())

    async def in_shop(self, question: LiteralString, *values: object) -> Any:
        """Ask the sample database for one value, as its administrator."""
        async with await AsyncConnection.connect(self._shop, autocommit=True) as connection:
            row = await (await connection.execute(question, values)).fetchone()
        return row[0] if row else None

    async def sealed(self) -> None:
        """Wait until everything that is recorded is sealed, and a witness has cosigned it.

        Raises:
            DemoError: It is not.
        """
        async with await AsyncConnection.connect(self._superuser, autocommit=True) as connection:
            try:
                async with asyncio.timeout(PATIENCE):
                    while True:
                        if not await (await connection.execute(_UNSEALED)).fetchall():
                            return
                        await asyncio.sleep(0.1)
            except TimeoutError:
                raise DemoError("the ledger was not sealed or witnessed; see worker.log") from None

    async def forge(self, change: LiteralString, case: str) -> int:
        """Change the ledger as only a superuser can, its triggers off; return how many rows."""
        async with await AsyncConnection.connect(self._superuser) as connection:
            await connection.execute("alter table audit.event disable trigger all")
            for (partition,) in await (await connection.execute(_PARTITIONS)).fetchall():
                disable = sql.SQL("alter table {} disable trigger all")
                await connection.execute(disable.format(sql.SQL(partition)))
            return (await connection.execute(change, [case])).rowcount

    async def placet(self, *words: str, exits: int = 0, show: bool = False) -> str:
        """Type a command of Placet's; return what it wrote to standard output.

        Raises:
            DemoError: It ended with another code than ``exits``.
        """
        self._echo("python starter.py", words)
        code, out, err = await self._run([sys.executable, str(ROOT / "starter.py"), *words])
        for line in err.strip().splitlines()[-3:]:
            self.console.print(
                f"  {line}", markup=False, highlight=False, soft_wrap=True, style="dim"
            )
        if show:
            self.console.print(out.rstrip(), markup=False, highlight=False, soft_wrap=True)
        if code != exits:
            message = f"expected exit code {exits}, got {code}: {shlex.join(words)}\n{out}{err}"
            raise DemoError(message)
        return out

    async def signal(self, case: str, name: str, content: str | None) -> None:
        """Send a raw signal with Temporal's own command line."""
        words = ["workflow", "signal", "-w", case, "--name", name]
        words += ["--input", content] if content is not None else []
        self._echo("temporal", words)
        code, _, err = await self._run([str(self._temporal), *words])
        if code:
            raise DemoError(f"the signal was not sent: {err}")

    async def timeline(self, case: str) -> None:
        """Show the case as the ledger tells it."""
        await self.placet("show", case, show=True)

    async def let_pass(self, case: str, until: str, field: str) -> None:
        """Skip a case's time to just after an instant of its open stage.

        Args:
            case: Its id.
            until: What the instant is, in words.
            field: ``deadline`` or the name of a list of instants of which the first is meant.
        """
        opened = [e for e in await self._ledger.timeline(case) if e.kind.endswith("stage:opened")]
        data: Any = opened[-1].body["data"]
        value = data[field][0] if isinstance(data[field], list) else data[field]
        await self.let_pass_until(case, until, datetime.fromisoformat(value))

    async def let_pass_until(self, case: str, what: str, instant: datetime) -> None:
        """Skip a case's time to just after ``instant``."""
        handle = self._client.get_workflow_handle(case)
        now = await self._skipper.get_current_time(handle)
        gap = instant - now + timedelta(minutes=1)
        self.console.print(f"  ⏩ {_words(gap)} pass: {what}", style="yellow", highlight=False)
        await self._skipper.fast_forward(handle, gap)

    async def expect(self, case: str, event: str, count: int = 1) -> None:
        """Wait until the ledger has an event so often.

        Raises:
            DemoError: It does not come.
        """
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    kinds = [e.kind for e in await self._ledger.timeline(case)]
                    if kinds.count(event) >= count:
                        return
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise DemoError(f"{case}: {event} did not come; there is {kinds}") from None

    async def outcome(self, case: str, expected: str) -> None:
        """Wait for the case's end, show its timeline, and check how it ended.

        Raises:
            DemoError: It ended otherwise, or not at all.
        """
        handle = self._client.get_workflow_handle(case)
        try:
            result = await asyncio.wait_for(handle.result(), PATIENCE)
        except TimeoutError:
            raise DemoError(f"{case} did not end; expected {expected}") from None
        await self.timeline(case)
        got = f"{result['outcome']} by {result['by']}"
        if got != expected:
            raise DemoError(f"{case} ended {got}, expected {expected}")

    async def stands(self, case: str, effect: EffectState) -> RequestRow:
        """Wait until the effect of a case stands so, and return the case.

        Raises:
            DemoError: It does not come to that.
        """
        row = None
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    row = await self._ledger.request(case)
                    if row is not None and row.effect == effect.value:
                        return row
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise DemoError(f"{case} is not {effect}: {row and row.effect}") from None

    def _echo(self, program: str, words: Sequence[str]) -> None:
        here = f"{Path.cwd()}/"
        text = shlex.join(words).replace(here, "")
        self.console.print(
            f"$ {program} {text}", style="bold cyan", markup=False, highlight=False, soft_wrap=True
        )

    async def _run(self, command: Sequence[str]) -> tuple[int, str, str]:
        process = await asyncio.create_subprocess_exec(
            *command,
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            out, err = await asyncio.wait_for(process.communicate(), PATIENCE)
        except TimeoutError:
            process.kill()
            raise DemoError(
                f"this took longer than {PATIENCE:.0f} seconds: {shlex.join(command)}; look at "
                f"worker.log in {self.company.home}, and try again when the machine is less busy"
            ) from None
        return process.returncode or 0, out.decode(), err.decode()


def decision(actor: str, reason: str) -> str:
    """Return the JSON of a decision."""
    return json.dumps({"actor": actor, "reason": reason})


def _words(gap: timedelta) -> str:
    days, hours = gap.days, gap.seconds // 3600
    return f"{days} d {hours} h" if days else f"{hours} h {gap.seconds % 3600 // 60} min"
