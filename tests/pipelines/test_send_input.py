import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from placet.cli.records import LocalFiles
from placet.digest import digest
from placet.domain.errors import ConflictError, InvalidInputError
from placet.domain.sending import Scope, SendRequest
from placet.mail.files import MailFile, attach_files
from placet.pipelines.pipeline import Prepared, Surroundings, Viewed
from placet.pipelines.send import DOOR, parse_mail
from placet.policy.loader import load_policies

REPOSITORY = Path(__file__).parents[2]
POLICY = load_policies(REPOSITORY / "policies").for_pipeline("send").snapshot
PDF = b"%PDF-1.4\n" + b"x" * 100
GOOD: dict[str, Any] = {
    "requester": "alice@example.com",
    "sender": "Alice <alice@example.com>",
    "to": ["bob@example.com"],
    "subject": "Lunch",
    "text": "At noon?",
}


def surroundings(files: Sequence[MailFile]) -> Surroundings:
    """Return what a mail is understood by."""
    now = datetime(2026, 3, 2, tzinfo=UTC)
    return Surroundings(now, POLICY.rates, POLICY.policy, LocalFiles(files))


async def prepared(*files: MailFile, **changes: Any) -> Prepared:
    """Understand a mail."""
    return await DOOR.prepare({**GOOD, **changes}, surroundings(files))


def listed(content: bytes) -> tuple[MailFile, dict[str, Any]]:
    """Return a list, and how a mail refers to it."""
    file = MailFile.of("people.txt", content)
    told = file.reference()
    return file, {key: told[key] for key in ("name", "sha256", "size")}


async def refusal(*files: MailFile, **changes: Any) -> list[str]:
    """Return the lines of the error that refuses a mail, after the heading."""
    with pytest.raises(InvalidInputError) as caught:
        await prepared(*files, **changes)
    heading, *lines = str(caught.value).splitlines()
    assert heading == "this mail cannot be accepted:"
    return [line.strip() for line in lines]


async def test_a_mail_is_understood_and_says_what_the_policy_wants_to_know() -> None:
    people = "bob@example.com\n" + "".join(f"p{n}@mail{n % 3}.example.net\n" for n in range(9))
    addresses, told = listed(people.encode())
    pdf = MailFile.of("plan.pdf", PDF)
    found = await prepared(
        addresses,
        pdf,
        cc=[{"address": "Carol@Sub.Example.com"}],
        lists=[told],
        attachments=[pdf.reference()],
        html="<p>At noon?</p>",
        reference="lunch-1",
    )

    assert found.facts == {
        "recipients": 11,
        "outside": 9,
        "domain_count": 5,
        "top_domains": [
            "mail0.example.net",
            "mail1.example.net",
            "mail2.example.net",
            "example.com",
            "sub.example.com",
        ],
        "duplicates": 1,
        "lists": 1,
        "sender": "alice@example.com",
        "sender_domain": "example.com",
        "requester": "alice@example.com",
        "attachments": 1,
        "attachment_bytes": len(PDF),
        "has_html": True,
        "findings": 1,
        "finding_kinds": ["duplicates"],
        "secrets": 0,
        "forbidden": 0,
    }
    assert found.facts.keys() == DOOR.facts.keys()
    assert (found.title, found.requester, found.reference) == (
        "Lunch",
        "alice@example.com",
        "lunch-1",
    )
    assert found.contents == tuple(sorted([addresses.sha256, pdf.sha256]))
    (everybody,) = found.made
    scope = Scope.model_validate(found.scope)
    assert (scope.recipients, scope.count) == (everybody.sha256, 11)
    assert scope.domains["mail0.example.net"] == 3
    lines = everybody.content.decode().splitlines()
    assert lines[:3] == [
        "named\tbob@example.com\t",
        "named\tCarol@sub.example.com\t",
        "own\tp0@mail0.example.net\t",
    ]


@pytest.mark.rule(number=4)
async def test_the_worker_understands_what_the_requester_sent_as_the_requester_did() -> None:
    pdf = MailFile.of("plan.pdf", PDF)
    addresses, told = listed("Nina <nina@straße.example>\n".encode())
    html = "<html><style>p{}</style><p style='color:red;top:0'>At noon?<br>Yes.</html>"
    first = await prepared(addresses, pdf, lists=[told], attachments=[pdf.reference()], html=html)

    sent = json.loads(json.dumps(first.request.model_dump(mode="json")))
    again = await DOOR.prepare(sent, surroundings([addresses, pdf]))

    assert again == first
    assert digest(again.request) == digest(first.request)


@pytest.mark.rule(number=4)
async def test_another_list_is_another_revision() -> None:
    one, told = listed(b"nina@example.net\n")
    other, changed = listed(b"omar@example.net\n")
    assert digest((await prepared(one, lists=[told])).request) != digest(
        (await prepared(other, lists=[changed])).request
    )


async def test_ten_thousand_with_duplicates_are_counted_and_each_is_there_once() -> None:
    people = "".join(f"Person{n % 8_000}@Example.net\n" for n in range(10_000))
    addresses, told = listed(people.encode())
    found = await prepared(addresses, to=[], lists=[told])

    assert (found.facts["recipients"], found.facts["duplicates"]) == (8_000, 2_000)
    assert [(each.kind, each.message) for each in found.findings] == [
        ("duplicates", "2,000 are written more than once; each gets one mail")
    ]


async def test_the_same_person_under_several_spellings_gets_one_mail() -> None:
    addresses, told = listed(
        "BOB@example.com\nbob@EXAMPLE.com\nnina@straße.example\nnina@xn--strae-oqa.example\n".encode()
    )
    found = await prepared(addresses, lists=[told])
    assert (found.facts["recipients"], found.facts["duplicates"]) == (2, 3)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"to": []}, "the whole: there is nobody to send it to; fill in to, or name a list"),
        ({"text": None}, "the whole: there is nothing to read in it; write text or html"),
        ({"text": "  \n "}, "the whole: there is nothing to read in it; write text or html"),
        ({"to": "bob@example.com"}, "to: it is not a list; write it as [...]"),
        ({"to": [7]}, "to[0]: it is not an object; write it as {...}"),
        ({"to": [{"name": "Bob"}]}, "to[0].address: it is missing; add it"),
        ({"sender": None}, "sender: it is not an object; write it as {...}"),
        ({"form": 1}, "form: there is no such field; correct its name or remove it"),
        ({"to": [], "bcc": ["bob@example.com"]}, "nobody to send"),
        ({"subject": ""}, "subject: it is empty"),
        ({"subject": "x" * 201}, "subject: it is 201 characters long"),
        ({"text": "x" * 200_001}, "text: it is 200001 characters long"),
        ({"unsubscribe": "javascript:alert(1)"}, "unsubscribe: 'javascript:alert(1)' is not"),
        ({"references": ["1@example.com"]}, "references[0]: '1@example.com' is not a Message-ID"),
        ({"html": "<p onclick=x>"}, "html: it holds onclick in <p>, which mail programs refuse"),
    ],
)
async def test_what_is_wrong_is_said_with_the_place_and_what_to_do(
    changes: dict[str, Any], line: str
) -> None:
    if "bcc" in changes:
        line = "the whole: bcc needs somebody in to or cc; put those people on a list instead"
    assert any(found.startswith(line) for found in await refusal(**changes))


async def test_every_wrong_address_is_named() -> None:
    lines = await refusal(to=["bob@example.com", "nobody", "a@b@c"], cc=["x@localhost"])
    assert [line.split(":")[0] for line in lines] == ["to[1]", "to[2]", "cc[0]"]


@pytest.mark.rule(number=12)
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("to", ["bob@example.com\r\nBcc: eve@example.com"]),
        ("to", ["Bob\r\nBcc: eve@example.com <bob@example.com>"]),
        ("sender", "Alice\nBcc: eve@example.com <alice@example.com>"),
        ("reply_to", {"address": "x@example.com", "name": "X\r\nBcc: e@example.com"}),
        ("subject", "Lunch\r\nBcc: eve@example.com"),
    ],
)
async def test_a_header_inside_another_is_refused(field: str, value: Any) -> None:
    (line,) = await refusal(**{field: value})
    assert line.startswith(field)


@pytest.mark.rule(number=12)
async def test_a_header_inside_a_list_is_refused_with_its_line() -> None:
    addresses, told = listed(b"nina@example.net\nOmar\x0bBcc: x <omar@example.net>\nEve\x00@x.de\n")
    lines = await refusal(addresses, lists=[told])
    assert "'people.txt': the list cannot be accepted" in lines[0]
    assert [line.split(":")[0] for line in lines[1:]] == ["line 2", "line 3"]


@pytest.mark.parametrize("raw", [None, [], "mail", 7])
def test_what_is_no_object_is_refused(raw: Any) -> None:
    with pytest.raises(InvalidInputError, match="not a JSON object"):
        parse_mail(raw)


async def test_a_file_that_is_not_stored_is_named() -> None:
    file = MailFile.of("plan.pdf", PDF)
    addresses, told = listed(b"nina@example.net\n")
    assert await refusal(attachments=[file.reference()], lists=[told]) == [
        "attachments[0]: 'plan.pdf' is not stored; submit the mail with its files",
        "lists[0]: 'people.txt' is not stored; submit the mail with its files",
    ]
    assert addresses.sha256 == told["sha256"]


@pytest.mark.parametrize(
    "lie", [{"size": 1}, {"media_type": "text/plain"}, {"size": 10 * 1024 * 1024}]
)
async def test_a_file_is_what_its_content_says(lie: dict[str, Any]) -> None:
    file = MailFile.of("plan.pdf", PDF)
    (line,) = await refusal(file, attachments=[file.reference() | lie])
    assert line == (
        "attachments[0]: 'plan.pdf' has 109 bytes and is application/pdf; name the file itself"
    )


@pytest.mark.rule(number=4)
async def test_a_store_that_gives_another_content_is_not_believed() -> None:
    file = MailFile.of("plan.pdf", PDF)
    forged = MailFile(file.sha256, file.name, file.media_type, PDF + b"!")
    with pytest.raises(ConflictError, match=file.sha256):
        await prepared(forged, attachments=[file.reference()])


async def test_more_people_than_one_mail_can_name_belong_on_a_list() -> None:
    (line,) = await refusal(to=[f"p{n}@example.com" for n in range(101)])
    assert "put them on a list" in line


async def test_more_people_than_one_request_can_reach_are_refused() -> None:
    addresses, told = listed(
        "".join(f"p{number}@example.com\n" for number in range(20_001)).encode()
    )
    (line,) = await refusal(addresses, to=[], lists=[told])
    assert "at most 20,000 are allowed in one request; split the list" in line


async def test_an_empty_list_reaches_nobody() -> None:
    addresses, told = listed(b"# nobody yet\n")
    (line,) = await refusal(addresses, to=[], lists=[told])
    assert line == "lists: nobody is on its lists; there is nobody to send it to"


async def test_reviewers_are_told_what_looks_wrong() -> None:
    program = MailFile.of("invoice.pdf.exe", b"MZ" + bytes(200))
    paper = MailFile.of("invoice.pdf", b"not a pdf")
    addresses, told = listed("nina@exаmple.net\n".encode())  # noqa: RUF001 - a Cyrillic letter
    found = await prepared(
        program,
        paper,
        addresses,
        lists=[told],
        reply_to="service@example.org",
        attachments=[program.reference(), paper.reference()],
        text="The password: hunter2-Tr0ub4dor, guaranteed profit.",
        html='<a href="http://example.org/">x</a><img src="https://example.org/p.png">'
        '<img src="cid:gone" alt="gone">',
    )
    assert [finding.kind for finding in found.findings] == [
        "secret",
        "forbidden",
        "risky-attachment",
        "other-type",
        "other-reply",
        "lookalike-domain",
        "insecure-link",
        "remote-picture",
        "missing-picture",
        "missing-alt",
        "external-link",
    ]
    assert "hunter2" not in str(found.findings)
    assert (found.facts["secrets"], found.facts["forbidden"]) == (1, 1)


def test_files_are_read_beside_the_mail(tmp_path: Path) -> None:
    (tmp_path / "plan.pdf").write_bytes(PDF)
    (tmp_path / "people.txt").write_bytes(b"nina@example.net\n")
    found = attach_files(
        {
            **GOOD,
            "attachments": ["plan.pdf", {"path": "plan.pdf", "name": "Plan.pdf", "cid": "plan"}],
            "lists": ["people.txt"],
        },
        tmp_path,
    )
    request = parse_mail({**found.request, "html": "<p>x</p>"})
    assert [(file.name, file.size, file.cid) for file in request.attachments] == [
        ("plan.pdf", len(PDF), None),
        ("Plan.pdf", len(PDF), "plan"),
    ]
    assert request.attachments[0].media_type == "application/pdf"
    assert {file.content for file in found.files} == {PDF, b"nina@example.net\n"}


@pytest.mark.parametrize(
    "path", ["../plan.pdf", "/etc/passwd", "gone.pdf", "link.pdf", "folder", "empty", "a\x00b"]
)
def test_a_path_that_leads_elsewhere_is_refused(tmp_path: Path, path: str) -> None:
    here = tmp_path / "here"
    (here / "folder").mkdir(parents=True)
    (tmp_path / "plan.pdf").write_bytes(PDF)
    (here / "link.pdf").symlink_to(tmp_path / "plan.pdf")
    (here / "empty").touch()
    for field in ("attachments", "lists"):
        with pytest.raises(InvalidInputError, match=rf"{field}\[0\]: "):
            attach_files({**GOOD, field: [path]}, here)


async def test_the_preview_shows_everything_and_runs_nothing() -> None:
    addresses, told = listed("".join(f"p{n}@example.net\n" for n in range(80)).encode())
    png = MailFile.of("logo.png", b"\x89PNG\r\n\x1a\n" + b"x" * 30)
    found = await prepared(
        addresses,
        png,
        lists=[told],
        subject="<script>alert(1)</script>",
        text="<b>At noon?</b>",
        html='<p style="color:red">At noon? <img src="cid:logo" alt="Us"></p>',
        attachments=[png.reference() | {"cid": "logo"}],
        note="</td><img src=x onerror=alert(1)>",
    )
    assert isinstance(found.request, SendRequest)
    assert DOOR.preview is not None
    viewed = Viewed(
        request=found.request.model_dump(mode="json"),
        digest="d" * 64,
        case=None,
        facts=found.facts,
        findings=found.findings,
        scope=found.scope,
        effect_at=None,
    )
    page = (await DOOR.preview(viewed, LocalFiles([addresses, png]))).decode()

    assert "<script" not in page
    assert "onerror=alert" not in page.replace("&lt;img src=x onerror=alert(1)&gt;", "")
    assert "default-src &#x27;none&#x27;" in page
    for said in (
        "81 recipients in 2 domains; 80 get a mail of their own",
        "<th>example.net</th><td>80</td>",
        "and 31 more",
        "&lt;b&gt;At noon?&lt;/b&gt;",
        '<p style="color:red">At noon? <img src="data:image/png;base64,',
        "logo.png",
        png.sha256,
        "d" * 64,
    ):
        assert said in page


async def test_the_examples_are_mails() -> None:
    for name in ("send-spring-offer.json", "send-contract.eml"):
        path = REPOSITORY / "examples" / name
        if path.suffix == ".json":
            found = attach_files(json.loads(path.read_text()), path.parent)
        else:
            assert DOOR.read is not None
            found = DOOR.read(path)
        files = [file for file in found.files if isinstance(file, MailFile)]
        assert (await DOOR.prepare(found.request, surroundings(files))).facts["secrets"] == 0


def test_a_file_of_another_kind_is_no_mail(tmp_path: Path) -> None:
    (tmp_path / "mail.msg").write_bytes(b"x")
    assert DOOR.read is not None
    with pytest.raises(InvalidInputError, match=r"neither \.json nor \.eml"):
        DOOR.read(tmp_path / "mail.msg")
