"""Measure what the preview of a page of 1 MB costs: `python -m bench.preview`.

CPU time of one thread, the median of several runs. The preview of a case shows the page that is
stored; that of a file renders it first, and what that costs depends on how much markup there is.
Renderer and sanitiser alone are measured beside it: the rest is what Placet adds.
"""

import hashlib
import random
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime

import nh3
from markdown_it import MarkdownIt
from rich.console import Console
from rich.table import Table

from placet.content.checks import check
from placet.content.document import read_document
from placet.content.making import make
from placet.content.preview import Shown, Subject, preview
from placet.content.rendering import parse
from placet.domain.content_rules import ContentRules, ForbiddenPattern
from placet.domain.publication import Action, PublishRequest, Scope, Source

SIZE = 1_000_000
RUNS = 7
RULES = ContentRules(forbidden=(ForbiddenPattern(pattern=r"\blorem ipsum\b", why="unfinished"),))

_SENTENCE = "people decide about pages that say what they mean and mean what they say"
_PARTS = {
    "prose": "{words} {words} {words}. {words}, {words}.\n{words} {words} {words}.\n\n",
    "marked up": "## Part {number}\n\nSome *{words}* with a [link](https://example.com/{number}) "
    "and `code`, and **{words}**.\n\n- {words}\n- two\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n\n",
}


def document(kind: str, seed: int = 1) -> str:
    """Return a document of 1 MB."""
    shuffled = random.Random(seed)  # noqa: S311 - it only has to be the same each time
    parts: list[str] = []
    size, number = 0, 0
    while size < SIZE:
        words = " ".join(shuffled.sample(_SENTENCE.split(), 14))
        parts.append(_PARTS[kind].format(words=words, number=number))
        size, number = size + len(parts[-1]), number + 1
    return "".join(parts)[:SIZE]


def edited(text: str) -> str:
    """Return a document of which a hundred lines are others."""
    lines = text.split("\n")
    for place in range(0, len(lines), max(1, len(lines) // 100)):
        lines[place] += " changed"
    return "\n".join(lines)


def version(text: str) -> tuple[PublishRequest, Shown]:
    """Return the version that a document makes."""
    content = text.encode()
    request = PublishRequest(
        slug="page",
        title="A page",
        requester="alice@example.com",
        document=Source(
            path="page.md", sha256=hashlib.sha256(content).hexdigest(), size=len(content)
        ),
    )
    made = make(request, read_document(content, "page.md"), {}, RULES)
    assert made.manifest is not None  # noqa: S101 - it was made of a document
    assert made.version is not None  # noqa: S101 - the same
    return request, Shown(made.version, made.manifest, made.blobs[0].content, text, {})


def subject(text: str) -> Subject:
    """Return what somebody reviews: a document, and the one that it was before."""
    _, old = version(text)
    request, new = version(edited(text))
    return Subject(
        request=request,
        digest="ab" * 32,
        case="publish-1f",
        scope=Scope(
            action=Action.PUBLISH,
            slug="page",
            version=new.version,
            replaces=old.version,
            targets={"site": "file:///srv/site"},
        ),
        findings=(),
        count=0,
        effect_at=datetime.now(UTC),
        new=new,
        old=old,
        asked=True,
    )


def cost(work: Callable[[], object]) -> float:
    """Return the CPU time of some work in milliseconds: the median of several runs."""
    times = []
    for _ in range(RUNS):
        start = time.process_time()
        work()
        times.append(1000 * (time.process_time() - start))
    return statistics.median(times)


def measure(kind: str) -> list[tuple[str, float]]:
    """Return what was measured, and the CPU time of each in milliseconds."""
    text = document(kind)
    seen = subject(text)
    read = read_document(text.encode(), "page.md")
    parsed = parse(read)
    plain = MarkdownIt("commonmark").enable("table")
    return [
        ("renderer and sanitiser alone", cost(lambda: nh3.clean(plain.render(text)))),
        ("its checks alone", cost(lambda: check(read, parsed, {}, RULES))),
        ("preview of a case, a hundred lines changed", cost(lambda: preview(seen))),
        ("preview of a file, rendered first", cost(lambda: preview_of_file(text))),
    ]


def preview_of_file(text: str) -> bytes:
    """Do all that the preview of a file takes."""
    request, new = version(text)
    scope = Scope(
        action=Action.PUBLISH, slug="page", version=new.version, replaces=None, targets={}
    )
    return preview(Subject(request, "ab" * 32, None, scope, (), 0, None, new, None, asked=True))


def main() -> None:
    """Print the table."""
    table = Table("1 MB of", "what", "CPU ms", "ratio")
    for kind in _PARTS:
        found = measure(kind)
        for what, spent in found:
            table.add_row(kind, what, f"{spent:.0f}", f"{spent / found[0][1]:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
