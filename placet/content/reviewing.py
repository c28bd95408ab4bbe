"""The page on which reviewers see what they decide about: complete, and nothing in it can run."""

import html
from collections.abc import Iterable, Sequence
from string import Template

from placet.content.page import security
from placet.domain.finding import Finding
from placet.domain.plurals import plural

_STYLE = """\
body{margin:0 auto;max-width:60rem;padding:1.5rem;font:1rem/1.5 system-ui,sans-serif;\
overflow-wrap:anywhere}
h2{font-size:1rem;margin:1.5rem 0 .4rem}
th{text-align:left;vertical-align:top;padding-right:1rem;font-weight:600}
td{vertical-align:top;padding-right:1rem}
code{font-family:ui-monospace,monospace;font-size:.85em}
"""

_PAGE = Template("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="$security">
<meta name="referrer" content="no-referrer">
<title>Preview: $title</title>
<style>$style</style>
</head>
<body>
<p>Preview for review. $notice</p>
<h1>$title</h1>
$parts
</body>
</html>
""")


def review_page(  # noqa: PLR0913 - each is another part of the page
    title: str,
    notice: str,
    parts: Iterable[str],
    *,
    style: str = "",
    images: str = "'none'",
    policy: str = "",
) -> bytes:
    """Return the page.

    Args:
        title: What is asked for, as text.
        notice: What has not happened yet, as text.
        parts: What stands below the title, as HTML.
        style: What this kind of page has besides.
        images: Which pictures may be shown, as a policy says it.
        policy: More that the page's policy says.
    """
    sheet = _STYLE + style
    rules = "; ".join(filter(None, (security(sheet, images=images), policy)))
    page = _PAGE.substitute(
        security=html.escape(rules),
        title=as_text(title),
        style=sheet,
        notice=as_text(notice),
        parts="\n".join(parts),
    )
    return page.encode()


def facts(rows: Iterable[tuple[str, str]]) -> str:
    """Return a table of names and values; what says nothing is left out."""
    told = "\n".join(fact(name, value) for name, value in rows if value)
    return f"<table>\n{told}\n</table>"


def fact(name: str, value: str) -> str:
    """Return a row of a table: a name and its value."""
    return f"<tr><th>{as_text(name)}</th><td>{as_text(value)}</td></tr>"


def findings_part(findings: Sequence[Finding], count: int) -> str:
    """Return what checks found: some of it, of ``count`` in all."""
    if not count:
        return "<p>The checks found nothing.</p>"
    rows = "\n".join(
        f"<tr><th>{as_text(each.kind)}</th><td><code>{as_text(each.where)}</code></td>"
        f"<td>{as_text(each.message)}</td></tr>"
        for each in findings
    )
    left = count - len(findings)
    more = f"<p>and {left:,} more</p>" if left > 0 else ""
    return f"<h2>{plural(count, 'finding')}</h2>\n<table>\n{rows}\n</table>{more}"


def as_text(value: object) -> str:
    """Return a value as text of a page."""
    return html.escape(str(value), quote=False)
