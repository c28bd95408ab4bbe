"""S3-compatible storage: the files of a version come first, its page is the switch.

Objects below the prefix::

    SLUG/files/NAME   named by their content: two versions never write the same name differently
    SLUG/index.html   written last, as one object, and only over what was found there before

The storage has to honour conditional writes (``If-Match``, ``If-None-Match``). Other objects than
these are never touched.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
from obstore.store import S3Store

from placet.domain.errors import UnavailableError
from placet.domain.publication import PAGE_NAME, PAGE_TYPE
from placet.publishing.target import Change, Contents, ForeignPageError, checked

if TYPE_CHECKING:
    from obstore.store import S3Config

_OWN_FILE = re.compile(r"files/[0-9a-f]{16}-[a-z0-9._-]{1,60}")
_CODE = re.compile(r"<Code>(\w{1,60})</Code>")
_FOR_EVER = "public, max-age=31536000, immutable"
_ASK_EACH_TIME = "no-cache"
_RETRIES = 1
_RETRY_TIME = timedelta(seconds=10)


class Bucket(NamedTuple):
    """Where an S3 target is, and what opens it.

    Attributes:
        endpoint: The server's URL.
        region: As the server calls it.
        bucket: The bucket's name.
        prefix: What every key begins with, without a slash at its end; empty for none.
        access_key: None to take what the environment or the machine has.
        secret_key: The same.
    """

    endpoint: str
    region: str
    bucket: str
    prefix: str
    access_key: str | None = None
    secret_key: str | None = None


class _Page(NamedTuple):
    """What stands at a page's key: its digest, and the storage's own tag for it."""

    sha256: str
    tag: str


def open_bucket(bucket: Bucket, config: "S3Config | None" = None) -> S3Store:
    """Return a client of a bucket, with more settings; nothing is asked of it yet."""
    told: S3Config = {**(config or {})}
    if bucket.access_key is not None and bucket.secret_key is not None:
        told["access_key_id"] = bucket.access_key
        told["secret_access_key"] = bucket.secret_key
    return S3Store(
        bucket.bucket,
        config=told,
        endpoint=bucket.endpoint,
        region=bucket.region,
        virtual_hosted_style_request=False,
        client_options={
            "timeout": "20s",
            "connect_timeout": "5s",
            "allow_http": bucket.endpoint.startswith("http://"),
        },
        retry_config={"max_retries": _RETRIES, "retry_timeout": _RETRY_TIME},
    )


class S3Target:
    """Publishes into a bucket."""

    def __init__(self, bucket: Bucket) -> None:
        """Publish into ``bucket``; nothing is asked of it yet."""
        self._where = f"{bucket.bucket} at {bucket.endpoint}"
        self._prefix = f"{bucket.prefix}/" if bucket.prefix else ""
        self._store = open_bucket(bucket)

    async def stage(self, change: Change, contents: Contents) -> None:
        """Write the version's files, which no page shows yet.

        Raises:
            UnavailableError: The storage does not take them now.
        """
        after = checked(change).after
        for file in after.manifest.files if after else ():
            data = await contents.get(file.sha256, file.name)
            attributes = {"Content-Type": file.media_type, "Cache-Control": _FOR_EVER}
            with self._answers():
                await obstore.put_async(
                    self._store,
                    self._key(change.slug, file.name),
                    data,
                    attributes=attributes,
                    use_multipart=False,
                )

    async def switch(self, change: Change, contents: Contents) -> None:
        """Write the page, or take it away; then take away the files that are not of its version.

        Raises:
            ForeignPageError: Another page stands there than Placet's.
            UnavailableError: The storage does not take it now.
        """
        before, after = checked(change).before, change.after
        found = await self._page(change.slug)
        known = [version and version.manifest.page for version in (before, after)]
        if change.sure and (found and found.sha256) not in known:
            raise ForeignPageError(f"{self._key(change.slug, PAGE_NAME)} in {self._where}", change)
        if after is None:
            await self._delete([self._key(change.slug, PAGE_NAME)])
        elif found is None or found.sha256 != after.manifest.page:
            page = await contents.get(after.manifest.page, PAGE_NAME)
            await self._write_page(change.slug, page, found)
        await self._tidy(change.slug, {file.name for file in after.manifest.files} if after else ())

    async def discard(self, change: Change) -> None:
        """Take away the staged files that the page which stands does not show.

        Raises:
            UnavailableError: The storage does not do it now.
        """
        before = checked(change).before
        kept = {file.name for file in before.manifest.files} if before else ()
        if change.sure:
            await self._tidy(change.slug, kept)

    async def _page(self, slug: str) -> _Page | None:
        with self._answers():
            try:
                found = await obstore.get_async(self._store, self._key(slug, PAGE_NAME))
                data = await found.bytes_async()
            except FileNotFoundError:
                return None
        return _Page(hashlib.sha256(data).hexdigest(), found.meta["e_tag"] or "")

    async def _write_page(self, slug: str, page: bytes, found: _Page | None) -> None:
        with self._answers():
            try:
                await obstore.put_async(
                    self._store,
                    self._key(slug, PAGE_NAME),
                    page,
                    attributes={
                        "Content-Type": f"{PAGE_TYPE}; charset=utf-8",
                        "Cache-Control": _ASK_EACH_TIME,
                    },
                    mode="create" if found is None else {"e_tag": found.tag},
                    use_multipart=False,
                )
            except (PreconditionError, AlreadyExistsError):
                raise UnavailableError(
                    f"{self._key(slug, PAGE_NAME)} in {self._where} was changed by somebody at "
                    "this very moment; it is looked at again"
                ) from None

    async def _tidy(self, slug: str, kept: Iterable[str]) -> None:
        """Take away the files that Placet has put there, but for those to be kept."""
        base = self._key(slug, "")
        with self._answers():
            found = await obstore.list(self._store, base).collect_async()
        names = {entry["path"].removeprefix(base) for entry in found}
        old = [name for name in names - set(kept) if _OWN_FILE.fullmatch(name)]
        await self._delete([f"{base}{name}" for name in sorted(old)])

    async def _delete(self, keys: list[str]) -> None:
        with self._answers():
            for key in keys:
                # Not in one request: servers differ in what they answer for a key that is gone.
                try:
                    await obstore.delete_async(self._store, key)
                except FileNotFoundError:
                    continue

    def _key(self, slug: str, name: str) -> str:
        return f"{self._prefix}{slug}/{name}"

    @contextmanager
    def _answers(self) -> Iterator[None]:
        """Say what is the matter with the storage; its own words stay out of it.

        Whoever looks after it can cure all of it: keys, rights, the bucket, the network.
        """
        try:
            yield
        except (BaseError, OSError) as error:
            code = _CODE.search(str(error))
            reason = code.group(1) if code else type(error).__name__
            raise UnavailableError(
                f"the storage {self._where} does not do what it is asked ({reason}); check that it "
                "runs, that the bucket is there, and that the keys may read and write it"
            ) from None
