"""Real places to publish to, and somebody who publishes."""

import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from placet.demo.storage import Storage, storage
from placet.ledger import PostgresLedger
from tests.publishing.bucket import Shop
from tests.publishing.hook import Hook, serve_hook
from tests.publishing.press import Press

SITE = "targets: {site: {kind: directory, path: site}}"


@pytest.fixture(scope="package")
async def s3_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Storage]:
    """Give an S3-compatible server."""
    async with storage(tmp_path_factory.mktemp("storage")) as started:
        yield started


@pytest.fixture(scope="package")
def new_shop(s3_server: Storage) -> Callable[[], Shop]:
    """Give prefixes of the server's bucket that nobody has used."""
    numbers = itertools.count(1)
    return lambda: Shop(s3_server, f"live-{next(numbers)}")


@pytest.fixture
def shop(new_shop: Callable[[], Shop]) -> Shop:
    """Give a prefix that nobody has used."""
    return new_shop()


@pytest.fixture
def hook() -> Iterator[Hook]:
    """Give a server that takes webhooks."""
    with serve_hook() as started:
        yield started


@pytest.fixture
def press(ledger: PostgresLedger, tmp_path: Path) -> Press:
    """Give somebody who publishes into one directory."""
    return Press(ledger, tmp_path, SITE)


@pytest.fixture
def everywhere(ledger: PostgresLedger, tmp_path: Path, shop: Shop, hook: Hook) -> Press:
    """Give somebody who publishes into a directory, into S3 and by webhook."""
    press = Press(ledger, tmp_path, listed_everywhere(shop, hook))
    press.secrets = {**shop.secrets, "HOOK_SECRET": hook.secret}
    return press


def listed_everywhere(shop: Shop, hook: Hook) -> str:
    """Return the list of a directory, a bucket and a webhook."""
    return (
        "give_up_after: 1h\n"
        "targets:\n"
        f"  hook: {{kind: webhook, url: '{hook.url}', secret_env: HOOK_SECRET}}\n"
        "  site: {kind: directory, path: site}\n"
        f"  shop: {shop.listed}\n"
    )
