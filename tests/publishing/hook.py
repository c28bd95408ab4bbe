"""A real HTTP server that takes webhooks, and checks each as its owner would."""

import base64
import json
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook


class Hook:
    """What was posted, and what is answered.

    Attributes:
        url: Where it listens.
        secret: What posts have to be signed with.
        taken: Each message that was taken, in order: its id and its content.
        refused: How many posts had no right signature.
        answer: The status of the next answers, by the number of the post, from 1.
    """

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/pages"
        self.secret = f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}"
        self.taken: list[tuple[str, dict[str, Any]]] = []
        self.refused = 0
        self.posts = 0
        self.answer: Callable[[int], int] = lambda _: 204

    @property
    def shows(self) -> str | None:
        """Return the version that its owner would show now."""
        version: str | None = self.taken[-1][1]["data"]["version"] if self.taken else None
        return version

    @property
    def ids(self) -> list[str]:
        """Return the ids of the messages that were taken."""
        return [key for key, _ in self.taken]

    def post(self, body: bytes, headers: dict[str, str]) -> int:
        """Take a post, and return the status to answer."""
        try:
            content = Webhook(self.secret).verify(body, headers)
        except Exception:  # noqa: BLE001 - whatever is wrong with it, it is refused
            self.refused += 1
            return 401
        self.posts += 1
        status = self.answer(self.posts)
        if status < 300:
            self.taken.append((headers["webhook-id"], json.loads(json.dumps(content))))
        return status


@contextmanager
def serve_hook() -> Iterator[Hook]:
    """Run the server on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = hook.post(body, dict(self.headers.items()))
            self.send_response(status)
            self.send_header("content-length", "0")
            if status == 302:
                self.send_header("location", "http://127.0.0.1:9/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hook = Hook(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield hook
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
