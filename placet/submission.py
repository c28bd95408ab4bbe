"""How a request becomes a case, whatever the channel: the same request twice is one case.

The case's id comes from the requester's own key, or from the content where there is none. So a
channel may submit again after any failure; what contradicts an earlier submission is refused.
"""

import hashlib
import re
import unicodedata
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from placet.digest import digest
from placet.domain.errors import ConflictError, UnavailableError
from placet.domain.plan import PersonRef
from placet.domain.vocabulary import Kind
from placet.pipelines.pipeline import File, Prepared
from placet.ports import Ledger
from workflows.attributes import of_case

_SLUG = 40
_HASH = 10


class OtherContentError(ConflictError):
    """The key was used for something else."""

    code = "other-content"


class NotSetUpError(UnavailableError):
    """Temporal's namespace has not been prepared for Placet."""

    code = "not-set-up"


@dataclass(frozen=True)
class Submission:
    """What submitting came to.

    Attributes:
        request_id: The case's id, which is the workflow's.
        digest: SHA-256 (64 hex) of the revision that was submitted.
        new: False when the case was there already.
    """

    request_id: str
    digest: str
    new: bool


def request_id(pipeline: str, requester_id: str, key: str | None, content: str) -> str:
    """Return the id of a case.

    Args:
        pipeline: Its kind.
        requester_id: Two people may use the same key.
        key: The requester's own; None to go by the content.
        content: The digest of the content (64 hex).
    """
    if key is None:
        return f"{pipeline}-{content[:16]}"
    told = f"placet-request/1\x1f{pipeline}\x1f{requester_id}\x1f{key}"
    short = hashlib.sha256(told.encode()).hexdigest()[:_HASH]
    plain = unicodedata.normalize("NFKD", key).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_SLUG].strip("-")
    return "-".join(part for part in (pipeline, slug, short) if part)


async def store_files(files: Sequence[File], ledger: Ledger) -> None:
    """Keep every file; doing it again changes nothing.

    Raises:
        UnavailableError: The store reports another digest than the content has.
    """
    for file in files:
        stored = await ledger.put_content(file.content, str(file.media_type))
        if stored != file.sha256:
            raise UnavailableError(
                f"the content store kept {stored} for {file.sha256}; check the store before "
                "submitting again"
            )


async def submit(  # noqa: PLR0913 - each is a separate part of the world
    client: Client,
    ledger: Ledger,
    pipeline: str,
    prepared: Prepared,
    requester: PersonRef,
    *,
    files: Sequence[File] = (),
    key: str | None = None,
    task_queue: str,
) -> Submission:
    """Start the case of a request, once.

    Args:
        client: Connected to Temporal.
        ledger: Knows the cases that Temporal has forgotten, and keeps the files.
        pipeline: The request's kind.
        prepared: The request.
        requester: Who asks, as the directory has them.
        files: What the request refers to.
        key: Instead of the reference that the request carries.
        task_queue: The workers'.

    Raises:
        OtherContentError: The key was used for other content; the message names both digests.
        NotSetUpError: The namespace lacks the search attributes.
        UnavailableError: Temporal or the ledger does not answer.
    """
    content = digest(prepared.request)
    case = request_id(pipeline, requester.id, key or prepared.reference, content)
    if await _is_recorded(ledger, case, content):
        return Submission(case, content, new=False)
    await store_files(files, ledger)
    token = uuid.uuid4().hex
    try:
        await client.start_workflow(
            pipeline,
            prepared.request.model_dump(mode="json"),
            id=case,
            task_queue=task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            memo={"digest": content, "submission": token},
            search_attributes=of_case(pipeline, requester.id),
            static_summary=f"{pipeline} {prepared.amount or ''} for {requester.id}",
        )
    except WorkflowAlreadyStartedError:
        # It has ended already; what it was started with decides, as for one that runs.
        token = ""
    except RPCError as error:
        raise _explained(error, client) from error
    return await _compared(client, case, content, token)


async def _is_recorded(ledger: Ledger, case: str, content: str) -> bool:
    """Say whether the ledger has this case with this content.

    Raises:
        OtherContentError: It has it with other content.
    """
    if await ledger.request(case) is None:
        return False
    events = await ledger.timeline(case)
    submitted = [
        str(event.body.get("digest"))
        for event in events
        if event.kind in {Kind.SUBMITTED, Kind.RESUBMITTED}
    ]
    if content in submitted:
        return True
    raise _other_content(case, submitted[-1] if submitted else None, content)


async def _compared(client: Client, case: str, content: str, token: str) -> Submission:
    try:
        memo = await (await client.get_workflow_handle(case).describe()).memo()
    except RPCError as error:
        raise _explained(error, client) from error
    started_with = memo.get("digest")
    if started_with != content:
        raise _other_content(case, started_with, content)
    return Submission(case, content, new=memo.get("submission") == token)


def _other_content(case: str, there: object, sent: str) -> OtherContentError:
    if there is None:
        return OtherContentError(
            f"{case} is there already: it could not be planned and has ended, see why: placet show "
            f"{case}. When that is put right, submit the file under another key: --key TEXT"
        )
    known = f"the digest {there}"
    return OtherContentError(
        f"{case} is there already, with {known}; this file has the digest {sent}. To change it: "
        f"placet resubmit {case} FILE. For another request, give another reference or --key"
    )


def _explained(error: RPCError, client: Client) -> UnavailableError:
    if (
        error.status is RPCStatusCode.INVALID_ARGUMENT
        and "search attribute" in error.message.lower()
    ):
        return NotSetUpError(
            f"the namespace {client.namespace} lacks Placet's search attributes; type: placet setup"
        )
    return UnavailableError(
        f"Temporal refused the request ({error.message}); check TEMPORAL_ADDRESS and "
        "TEMPORAL_NAMESPACE"
    )
