"""The door of the send pipeline: a mail, as JSON or as a mail program wrote it."""

import asyncio
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from placet.content.nesting import MAX_DEPTH, nests_too_deep
from placet.domain.content_rules import ContentRules
from placet.domain.errors import ConflictError, InvalidInputError, NotFoundError
from placet.domain.facts import FactKind
from placet.domain.problems import Problem
from placet.domain.recipients import Recipient, Recipients, by_domain, expanded, top_domains
from placet.domain.sending import MAX_HTML, Attachment, Mailbox, RecipientList, Scope, SendRequest
from placet.files import shown
from placet.mail.addresses import read_list, read_mailbox
from placet.mail.checks import MailCheck, check
from placet.mail.eml import read_eml
from placet.mail.files import MailFile, attach_files, media_type_of
from placet.mail.html import active_content, harmless
from placet.mail.preview import Subject, preview
from placet.pipelines.explain import problems_in, refused
from placet.pipelines.pipeline import Door, Prepared, Records, Surroundings, Viewed, WithFiles

RECIPIENTS_TYPE = "text/plain"

_WHAT = "this mail"
_ONE = ("sender", "reply_to")
_MANY = ("to", "cc", "bcc")


def parse_mail(raw: Any) -> SendRequest:
    """Read a mail and check everything that it says by itself.

    Args:
        raw: JSON as ``placet.digest.read_json`` reads it. Files are already references to the
            content store, see ``placet.mail.files``.

    Raises:
        InvalidInputError: With a line for each problem: the field, what is wrong, what to do.
    """
    if not isinstance(raw, dict):
        raise refused(_WHAT, [Problem((), "it is not a JSON object; write it as {...}")])
    problems: list[Problem] = []
    told = dict(raw)
    for path, value in _mailboxes(raw):
        try:
            found = read_mailbox(value)
        except InvalidInputError as error:
            problems.append(Problem(path, str(error)))
        else:
            _put(told, path, found)
    html = raw.get("html")
    if isinstance(html, str):
        unusable = _unusable(html)
        problems += [Problem(("html",), each) for each in unusable]
        told["html"] = "" if unusable else harmless(html)
    if problems:
        raise refused(_WHAT, problems)
    try:
        return SendRequest.model_validate(told)
    except ValidationError as error:
        raise refused(_WHAT, problems_in(error)) from None


def _unusable(html: str) -> list[str]:
    """Say why HTML cannot be made harmless, or should not."""
    if len(html) > MAX_HTML:
        return [f"it has {len(html):,} characters; at most {MAX_HTML:,} are allowed, shorten it"]
    if nests_too_deep(html):
        return [f"more than {MAX_DEPTH} elements are open at once; close each, as <b> by </b>"]
    found = active_content(html)
    return [f"it holds {each}, which mail programs refuse; take it out" for each in found]


def _mailboxes(raw: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Yield everything that should be somebody's address, and where it stands."""
    for field in _ONE:
        if field in raw:
            yield (field,), raw[field]
    for field in _MANY:
        people = raw.get(field)
        if isinstance(people, list):
            yield from (((field, index), value) for index, value in enumerate(people))


def _put(told: dict[str, Any], path: tuple[str | int, ...], value: Any) -> None:
    if len(path) == 1:
        told[str(path[0])] = value
        return
    field, index = path
    told[str(field)] = [
        value if place == index else other for place, other in enumerate(told[str(field)])
    ]


class Understood(NamedTuple):
    """A mail with all that belongs to it.

    Attributes:
        request: The mail.
        recipients: Everybody who gets it.
        files: Its attachments, by their SHA-256.
    """

    request: SendRequest
    recipients: Recipients
    files: dict[str, bytes]


async def understand(request: SendRequest, records: Records) -> Understood:
    """Fetch the files of a mail, see that they are what it says of them, and expand its lists.

    Raises:
        InvalidInputError: With a line for each file that is missing, or is something else.
        ConflictError: The store has changed a file.
    """
    kept: dict[str, bytes] = {}
    problems: list[Problem] = []
    for path, file in _files(request):
        try:
            content = await records.get_content(file.sha256)
        except NotFoundError:
            message = f"{shown(file.name)} is not stored; submit the mail with its files"
            problems.append(Problem(path, message))
            continue
        if (digest := hashlib.sha256(content).hexdigest()) != file.sha256:
            raise ConflictError(
                f"{shown(file.name)} is stored with the digest {digest} instead of "
                f"{file.sha256}; restore the content store from a backup"
            )
        kept[file.sha256] = content
        found, size = media_type_of(content), len(content)
        if size != file.size or (isinstance(file, Attachment) and found != file.media_type):
            message = f"{shown(file.name)} has {size} bytes and is {found}; name the file itself"
            problems.append(Problem(path, message))
    if problems:
        raise refused(_WHAT, problems)
    recipients = await asyncio.to_thread(_expanded, request, kept)
    files = {file.sha256: kept[file.sha256] for file in request.attachments}
    return Understood(request, recipients, files)


def _files(
    request: SendRequest,
) -> Iterator[tuple[tuple[str | int, ...], Attachment | RecipientList]]:
    """Yield everything that a mail refers to, and where it does."""
    yield from ((("attachments", place), file) for place, file in enumerate(request.attachments))
    yield from ((("lists", place), file) for place, file in enumerate(request.lists))


def _expanded(request: SendRequest, contents: Mapping[str, bytes]) -> Recipients:
    problems: list[Problem] = []
    lists: dict[str, tuple[Mailbox, ...]] = {}
    for index, each in enumerate(request.lists):
        try:
            lists[each.sha256] = read_list(contents[each.sha256])
        except InvalidInputError as error:
            problems.append(Problem(("lists", index), f"{shown(each.name)}: {error}"))
    if problems:
        raise refused(_WHAT, problems)
    try:
        return expanded(request, lists)
    except ValueError as error:
        raise refused(_WHAT, [Problem(("lists",), str(error))]) from None


def recipients_text(recipients: Recipients) -> bytes:
    """Write everybody who gets a mail, one a line: what the plan freezes by its SHA-256."""
    return "".join(map(_line, recipients.all)).encode()


def _line(recipient: Recipient) -> str:
    kind = "own" if recipient.own else "named"
    return f"{kind}\t{recipient.mailbox.address}\t{recipient.mailbox.name or ''}\n"


async def prepare_mail(raw: Any, surroundings: Surroundings) -> Prepared:
    """Understand a mail for planning; see ``Prepare``.

    Raises:
        InvalidInputError: With a line for each problem.
    """
    request = parse_mail(raw)
    mail = await understand(request, surroundings.records)
    rules = surroundings.policy.checks or ContentRules()
    findings = await asyncio.to_thread(check, mail.request, mail.recipients, mail.files, rules)
    everybody = recipients_text(mail.recipients)
    counted = by_domain(mail.recipients.all)
    scope = Scope(
        recipients=hashlib.sha256(everybody).hexdigest(),
        count=len(mail.recipients.all),
        domains=top_domains(counted),
    )
    kinds = [finding.kind for finding in findings]
    outside = sum(
        count for domain, count in counted.items() if not _inside(domain, request.sender.domain)
    )
    return Prepared(
        request=request,
        requester=request.requester,
        title=request.subject,
        amount=None,
        facts={
            "recipients": scope.count,
            "outside": outside,
            "domain_count": len(counted),
            "top_domains": [*scope.domains],
            "duplicates": mail.recipients.duplicates,
            "lists": len(request.lists),
            "sender": request.sender.address,
            "sender_domain": request.sender.domain,
            "requester": request.requester,
            "attachments": len(request.attachments),
            "attachment_bytes": sum(file.size for file in request.attachments),
            "has_html": request.html is not None,
            "findings": len(findings),
            "finding_kinds": [*sorted(set(kinds))],
            "secrets": kinds.count(MailCheck.SECRET),
            "forbidden": kinds.count(MailCheck.FORBIDDEN),
        },
        contents=tuple(sorted({file.sha256 for _, file in _files(request)})),
        reference=request.reference,
        findings=tuple(findings),
        scope=scope.to_plan(),
        made=(MailFile(scope.recipients, "recipients.txt", RECIPIENTS_TYPE, everybody),),
    )


def _inside(domain: str, home: str) -> bool:
    return domain == home or domain.endswith(f".{home}")


def read_mail(path: Path) -> WithFiles:
    """Read a mail that a mail program wrote.

    Raises:
        InvalidInputError: It is no such file; the message says what to do.
    """
    if path.suffix.lower() != ".eml":
        raise InvalidInputError(
            f"{shown(path.name)} is neither .json nor .eml; write the mail as one of them"
        )
    return read_eml(path)


FACTS = {
    "recipients": FactKind.NUMBER,
    "outside": FactKind.NUMBER,
    "domain_count": FactKind.NUMBER,
    "top_domains": FactKind.TEXTS,
    "duplicates": FactKind.NUMBER,
    "lists": FactKind.NUMBER,
    "sender": FactKind.TEXT,
    "sender_domain": FactKind.TEXT,
    "requester": FactKind.TEXT,
    "attachments": FactKind.NUMBER,
    "attachment_bytes": FactKind.NUMBER,
    "has_html": FactKind.TRUTH,
    "findings": FactKind.NUMBER,
    "finding_kinds": FactKind.TEXTS,
    "secrets": FactKind.NUMBER,
    "forbidden": FactKind.NUMBER,
}


async def preview_mail(viewed: Viewed, records: Records) -> bytes:
    """Show a mail; see ``Preview``.

    Raises:
        InvalidInputError: Something that belongs to it is not stored any more.
    """
    request = SendRequest.model_validate(viewed.request, extra="ignore")
    mail = await understand(request, records)
    subject = Subject(
        request=request,
        recipients=mail.recipients,
        files=mail.files,
        digest=viewed.digest,
        case=viewed.case,
        findings=viewed.findings,
        count=int(str(viewed.facts.get("findings", len(viewed.findings)))),
    )
    return await asyncio.to_thread(preview, subject)


DOOR = Door(prepare_mail, FACTS, attach_files, read_mail, preview_mail, suffixes=(".eml",))
