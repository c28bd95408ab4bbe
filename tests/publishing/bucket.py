"""Looks into the S3-compatible server as a reader does."""

import obstore
from obstore.store import S3Store

from placet.demo.storage import BUCKET, Storage
from placet.publishing.s3 import Bucket
from tests.publishing.press import SLUG


class Shop:
    """One prefix of the bucket, for one test.

    Attributes:
        at: What the target is given.
        store: The bucket, for looking.
    """

    def __init__(self, storage: Storage, prefix: str) -> None:
        self.storage = storage
        self.prefix = prefix
        self.at = Bucket(storage.endpoint, "us-east-1", BUCKET, prefix, storage.key_id, storage.key)
        self.store = S3Store(
            BUCKET,
            endpoint=storage.endpoint,
            region="us-east-1",
            access_key_id=storage.key_id,
            secret_access_key=storage.key,
            client_options={"allow_http": True},
        )

    @property
    def secrets(self) -> dict[str, str]:
        """Return the environment that `listed` names."""
        return {"SHOP_ID": self.storage.key_id, "SHOP_KEY": self.storage.key}

    @property
    def listed(self) -> str:
        """Return the target as the list has it."""
        return (
            f"{{kind: s3, endpoint: '{self.storage.endpoint}', bucket: {BUCKET}, "
            f"prefix: {self.prefix}, access_key_env: SHOP_ID, secret_key_env: SHOP_KEY}}"
        )

    async def put(self, name: str, data: bytes) -> None:
        """Write an object, as somebody else would."""
        await obstore.put_async(self.store, f"{self.prefix}/{name}", data)

    async def get(self, name: str) -> bytes | None:
        """Return an object, or None."""
        try:
            found = await obstore.get_async(self.store, f"{self.prefix}/{name}")
            return bytes(await found.bytes_async())
        except FileNotFoundError:
            return None

    async def shown(self, slug: str = SLUG) -> dict[str, bytes]:
        """Return every object of a page."""
        base = f"{self.prefix}/{slug}/"
        entries = await obstore.list(self.store, base).collect_async()
        names = sorted(entry["path"].removeprefix(base) for entry in entries)
        return {name: await self.get(f"{slug}/{name}") or b"" for name in names}
