"""An S3-compatible server to publish to, for the demo and the tests: SeaweedFS from its wheel."""

import asyncio
import json
import os
import secrets
import shutil
import signal
import socket
import sysconfig
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import httpx

from placet.domain.errors import UnavailableError
from placet.local.process import Child, spawn

BUCKET = "pages"
_ANSWERS_WITHIN = 60.0
_SOCKETS = Path("/tmp")  # noqa: S108 - where SeaweedFS insists on its sockets


class Storage(NamedTuple):
    """A server that runs.

    Attributes:
        endpoint: Its URL.
        key_id: The id of a key that may do everything; the bucket is made when it is first used.
        key: The key itself.
        process: The server's process.
    """

    endpoint: str
    key_id: str
    key: str
    process: Child


@asynccontextmanager
async def storage(home: Path) -> AsyncIterator[Storage]:
    """Run a server with its data in ``home``, on free ports of this machine only.

    Raises:
        UnavailableError: Its program is not installed, or it does not start.
    """
    program = shutil.which("weed", path=sysconfig.get_path("scripts")) or shutil.which("weed")
    if program is None:
        raise UnavailableError("SeaweedFS is not installed; run `make setup`")
    key_id, key = secrets.token_hex(8), secrets.token_hex(16)
    config = _configured(home, key_id, key)
    parts = ("master", "master", "volume", "volume", "filer", "filer", "s3", "s3")
    ports = _free_ports(len(parts))
    listen = [
        f"-{part}.port{'.grpc' if place % 2 else ''}={port}"
        for place, (part, port) in enumerate(zip(parts, ports, strict=True))
    ]
    child = spawn(
        [
            program,
            "server",
            f"-dir={home}",
            "-ip=127.0.0.1",
            *listen,
            "-filer",
            "-s3",
            f"-s3.config={config}",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-s3.cacheCapacityMB=0",
            "-master.volumeSizeLimitMB=64",
            "-volume.max=10",
            "-master.telemetry=false",
        ],
        log=home / "storage.log",
        directory=home,
        environment={"PATH": os.environ.get("PATH", ""), "HOME": str(home), "TMPDIR": str(home)},
        dies_by=signal.SIGKILL,
    )
    try:
        endpoint = f"http://127.0.0.1:{ports[6]}"
        await _answers(endpoint, child)
        yield Storage(endpoint, key_id, key, child)
    finally:
        # Its data is thrown away, and it takes seconds to say goodbye.
        await child.stop([])
        _sweep(ports)


def _configured(home: Path, key_id: str, key: str) -> Path:
    """Make the directory and, in it, the file that says which key may do what."""
    home.mkdir(parents=True, exist_ok=True)
    config = home / "s3.json"
    config.touch(0o600)
    identity = {
        "name": "placet",
        "credentials": [{"accessKey": key_id, "secretKey": key}],
        "actions": ["Admin", "Read", "Write", "List"],
    }
    config.write_text(json.dumps({"identities": [identity]}))
    return config


def _sweep(ports: Sequence[int]) -> None:
    """Take away the sockets that it has left."""
    for port in ports:
        for left in _SOCKETS.glob(f"seaweedfs-*-{port}.sock"):
            left.unlink()


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


async def _answers(endpoint: str, child: Child) -> None:
    """Wait until the server answers, whatever it says."""
    async with httpx.AsyncClient(trust_env=False) as client:
        try:
            async with asyncio.timeout(_ANSWERS_WITHIN):
                while child.exit_code is None:
                    try:
                        answer = await client.get(f"{endpoint}/status")
                    except httpx.HTTPError:
                        await asyncio.sleep(0.1)
                        continue
                    if answer.is_success:
                        return
                    await asyncio.sleep(0.1)
        except TimeoutError:
            pass
    raise UnavailableError(f"SeaweedFS does not start; its log ends with:\n{child.log_tail()}")
