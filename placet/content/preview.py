"""Show a publication to those who review it: one page, complete in itself, that runs nothing.

The page inside it is the very one that goes out, out of the content store; only its pictures and
files are put into it, so that it can be looked at anywhere.
"""

import base64
import html
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from string import Template

from placet.content.difference import ChangedFiles, Line, changed_files, changed_lines
from placet.content.page import STYLE, security, written_part
from placet.domain.finding import Finding
from placet.domain.plan import utc
from placet.domain.plurals import plural
from placet.domain.publication import Manifest, PublishedFile, PublishRequest, Scope
from placet.files import size_text

MAX_SHOWN_LINES = 2_000
MAX_EMBEDDED_BYTES = 64 * 1024 * 1024
"""One picture that is shown a thousand times would be a thousand times in the preview."""

_OWN_STYLE = """\
body{max-width:56rem}
.what,.notes,.page,pre.diff{border:1px solid #c4c7cc;border-radius:.5rem;padding:.2rem 1.2rem;\
margin:1rem 0}
.page{padding:1rem 2rem}
.what dt{font-weight:600;margin-top:.6rem}.what dd{margin:0}
.kind{font-weight:600;white-space:nowrap}
.grave{color:#b3261e}
.fine{color:#146c2e}
code{overflow-wrap:anywhere}
pre.diff{padding:0;overflow-x:auto;line-height:1.45}
pre.diff span{display:block;padding:0 .8rem;min-height:1.45em}
pre.diff .gone{background:#fde7e7;color:#7a1510}
pre.diff .new{background:#e3f5e6;color:#0b4a1d}
pre.diff .gap{background:#e8eaed;color:#5f6368}
@media(prefers-color-scheme:dark){pre.diff .gone{background:#4a1c1a;color:#ffd9d6}\
pre.diff .new{background:#14361d;color:#cdeed4}pre.diff .gap{background:#3c4043;color:#dadce0}\
.grave{color:#f2b8b5}.fine{color:#a8dab5}}
"""
_STYLE = STYLE + _OWN_STYLE

_FRAME = Template("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="$security">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>Preview: $title</title>
<style>$style</style>
</head>
<body>
<header>
<p class="when">Preview for review. This is not published.</p>
<h1>$title</h1>
</header>
$parts
</body>
</html>
""")

_GRAVE = frozenset({"secret", "forbidden", "active-content", "hidden-character"})
_PICTURE = re.compile(r'(<img(?: [a-z]+="[^"]*")*? src=")(files/[0-9a-f]{16}-[a-z0-9._-]+)"')
_LINK = re.compile(r'(<a(?: [a-z]+="[^"]*")*? href=")(files/[0-9a-f]{16}-[a-z0-9._-]+)(?:#[^"]*)?"')
_EXTERNAL = re.compile(r'<a(?: [a-z]+="[^"]*")*? href="(https?://[^"]*)"')


@dataclass(frozen=True)
class Shown:
    """One version of a page with all its bytes.

    Attributes:
        version: 64 hexadecimal digits.
        manifest: What belongs to it.
        page: The page that goes out.
        source: The document that it was made of.
        files: SHA-256 to content.
    """

    version: str
    manifest: Manifest
    page: bytes
    source: str
    files: Mapping[str, bytes]


@dataclass(frozen=True)
class Subject:
    """What is to be reviewed.

    Attributes:
        request: The revision.
        digest: Its own, which a review names.
        case: Its id; None before it was submitted.
        scope: What the effect would do.
        findings: What the checks found, as far as the plan carries them.
        count: How many there are in all.
        effect_at: When it goes out; None for as soon as it is approved.
        new: What would be published; None for nothing, or what only the ledger knows.
        old: What is published now; None for nothing, or when nobody could be asked.
        asked: Whether the ledger could be asked what is published now.
    """

    request: PublishRequest
    digest: str
    case: str | None
    scope: Scope
    findings: Sequence[Finding]
    count: int
    effect_at: datetime | None
    new: Shown | None
    old: Shown | None
    asked: bool


def preview(subject: Subject) -> bytes:
    """Return the page for those who review ``subject``."""
    parts = [
        _what(subject),
        _findings(subject),
        *_changes(subject),
        *_page(subject),
    ]
    return _FRAME.substitute(
        security=html.escape(security(_STYLE, images="data:")),
        title=_text(subject.request.title),
        style=_STYLE,
        parts="\n".join(parts),
    ).encode()


def _what(subject: Subject) -> str:
    request, scope = subject.request, subject.scope
    at = utc(subject.effect_at) if subject.effect_at else "as soon as it is approved"
    now = subject.old.version if subject.old else None
    rows = [
        (
            "What",
            f"{request.action.value.capitalize()} the page <code>{_text(request.slug)}</code>",
        ),
        ("Asked by", _text(request.requester)),
        ("Why", _text(request.note or "")),
        ("When", _text(at)),
        ("Where", _targets(scope)),
        ("New version", _code(scope.version) if scope.version else "none"),
        ("Replaces", _code(scope.replaces) if scope.replaces else "nothing"),
        ("Case", _code(subject.case) if subject.case else ""),
        ("Digest to approve", _code(subject.digest)),
    ]
    told = "\n".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in rows if value)
    warning = ""
    if subject.asked and now != scope.replaces:
        warning = (
            '<p class="grave" role="alert">Something else is published by now: '
            f"{_code(now) if now else 'nothing'}. This will be refused when it goes out; have it "
            "submitted again.</p>"
        )
    return (
        f'<section class="what" aria-label="What is asked">{warning}<dl>\n{told}\n</dl></section>'
    )


def _targets(scope: Scope) -> str:
    rows = (f"{_text(name)} ({_text(at)})" for name, at in sorted(scope.targets.items()))
    return "<br>".join(rows)


def _findings(subject: Subject) -> str:
    if not subject.count:
        inside = '<p class="fine">The checks found nothing.</p>'
    else:
        rows = "\n".join(
            f'<tr><td class="kind{" grave" if each.kind in _GRAVE else ""}">{_text(each.kind)}</td>'
            f"<td><code>{_text(each.where)}</code></td><td>{_text(each.message)}</td></tr>"
            for each in subject.findings
        )
        left = subject.count - len(subject.findings)
        more = f"<p>and {left:,} more</p>" if left > 0 else ""
        inside = (
            "<table><thead><tr><th>Finding</th><th>Where</th><th>What</th></tr></thead>\n"
            f"<tbody>\n{rows}\n</tbody></table>{more}"
        )
    heading = plural(subject.count, "finding")
    return f'<section class="notes"><h2>{heading}</h2>\n{inside}</section>'


def _changes(subject: Subject) -> Iterator[str]:
    if not subject.asked:
        yield "<h2>Changes</h2>\n<p>The ledger could not be asked what is published now.</p>"
        return
    if subject.old is None or subject.new is None:
        said = "This page is new." if subject.new else "The page is taken away."
        yield f"<h2>Changes</h2>\n<p>{said}</p>"
        return
    yield f"<h2>Changes to what is published now</h2>\n<p>{_titles(subject.old, subject.new)}</p>"
    yield from _files(changed_files(subject.old.manifest, subject.new.manifest))
    places = changed_lines(subject.old.source, subject.new.source)
    yield _diff(places) if places else "<p>The text is the same.</p>"


def _titles(old: Shown, new: Shown) -> str:
    if old.manifest.title == new.manifest.title:
        return f"Compared with version {_code(old.version)}."
    before, after = _text(old.manifest.title), _text(new.manifest.title)
    return f"The title was <del>{before}</del> and becomes <ins>{after}</ins>."


def _files(changed: ChangedFiles) -> Iterator[str]:
    for name, paths in zip(("Added", "Removed", "Changed"), changed, strict=True):
        if paths:
            told = ", ".join(f"<code>{_text(path)}</code>" for path in paths)
            yield f"<p>{name}: {told}</p>"


def _diff(places: Sequence[Sequence[Line]]) -> str:
    classes = {"-": "gone", "+": "new", " ": "same"}
    rows: list[str] = []
    left = 0
    for place in places:
        if len(rows) >= MAX_SHOWN_LINES:
            left += sum(line.sign != " " for line in place)
            continue
        rows.append(f'<span class="gap">line {place[0].number}</span>')
        shown = place[: MAX_SHOWN_LINES - len(rows)]
        left += sum(line.sign != " " for line in place[len(shown) :])
        rows += [
            f'<span class="{classes[line.sign]}">{line.sign} {_text(line.text)}</span>'
            for line in shown
        ]
    more = f"<p>and {left:,} more changed lines</p>" if left else ""
    return f'<pre class="diff">{"".join(rows)}</pre>{more}'


def _page(subject: Subject) -> Iterator[str]:
    shown = subject.new or subject.old
    if shown is None:
        return
    heading = "The page as it goes out" if subject.new else "The page that is taken away"
    body = _Files(shown).into(written_part(shown.page))
    language = _text(subject.request.language)
    yield f'<h2>{heading}</h2>\n<article class="page" lang="{language}">\n{body}\n</article>'
    urls = sorted(set(_EXTERNAL.findall(body)))
    if urls:
        # Links in the page were escaped when it was made.
        rows = "\n".join(f"<li><code>{url}</code></li>" for url in urls)
        yield f"<h2>Where its links lead</h2>\n<ul>\n{rows}\n</ul>"
    if shown.manifest.files:
        rows = "\n".join(_file(file) for file in shown.manifest.files)
        yield (
            "<h2>Its files</h2>\n<table><thead><tr><th>File</th><th>Kind</th><th>Size</th>"
            f"<th>SHA-256</th></tr></thead>\n<tbody>\n{rows}\n</tbody></table>"
        )


def _file(file: PublishedFile) -> str:
    return (
        f"<tr><td>{_text(file.path)}</td><td>{_text(file.media_type)}</td>"
        f"<td>{size_text(file.size)}</td><td>{_code(file.sha256)}</td></tr>"
    )


class _Files:
    """Puts pictures and files into a page, as long as there is room for them."""

    def __init__(self, shown: Shown) -> None:
        self._shown = shown
        self._named = {file.name: file for file in shown.manifest.files}
        self._room = MAX_EMBEDDED_BYTES

    def into(self, body: str) -> str:
        body = _PICTURE.sub(lambda found: f'{found[1]}{self._url(found[2])}"', body)
        return _LINK.sub(lambda found: f'{found[1]}{self._url(found[2])}" download="file"', body)

    def _url(self, name: str) -> str:
        file = self._named.get(name)
        if file is None or file.size > self._room:
            return "data:,"
        self._room -= file.size
        content = base64.b64encode(self._shown.files[file.sha256]).decode()
        return f"data:{file.media_type};base64,{content}"


def _code(value: str) -> str:
    return f"<code>{_text(value)}</code>"


def _text(value: str) -> str:
    return html.escape(value)
