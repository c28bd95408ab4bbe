"""Make the whole page that goes out of a parsed document: complete, safe, and always the same."""

import base64
import hashlib
import html
from collections.abc import Mapping
from dataclasses import dataclass
from string import Template

from placet.content.links import Leads, read_link
from placet.content.rendering import Parsed, write
from placet.content.sanitising import sanitised

BEGIN, END = "<main>\n", "\n</main>"
"""Between them stands what was written; no document can bring these tags itself."""

STYLE = """\
:root{color-scheme:light dark}
body{margin:0 auto;max-width:42rem;padding:2rem 1.25rem 4rem;font:1.0625rem/1.65 system-ui,\
-apple-system,"Segoe UI",Roboto,sans-serif;overflow-wrap:break-word}
h1,h2,h3,h4,h5,h6{line-height:1.25;margin:2em 0 .5em}
h1{font-size:2rem;margin-top:.5em}
a{color:#0b57d0}
img{max-width:100%;height:auto}
figure{margin:1.5rem 0}
figcaption,.when{color:#5f6368;font-size:.9em}
pre{overflow-x:auto;padding:1rem;background:#f4f4f5;border-radius:.4rem}
code,kbd,samp{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.9em}
blockquote{margin:1.5rem 0;padding-left:1rem;border-left:.25rem solid #c4c7cc}
table{border-collapse:collapse;display:block;overflow-x:auto}
th,td{border:1px solid #c4c7cc;padding:.4rem .7rem;vertical-align:top}
.left{text-align:left}.center{text-align:center}.right{text-align:right}
@media(prefers-color-scheme:dark){a{color:#8ab4f8}pre{background:#27282b}}
"""

_PAGE = Template("""\
<!doctype html>
<html lang="$language">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="$security">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>$title</title>
$description<style>$style</style>
</head>
<body>
<main>
$body
</main>
</body>
</html>
""")


@dataclass(frozen=True)
class Asset:
    """A file of the bundle as pages refer to it.

    Attributes:
        name: Where it goes, such as ``files/0123456789abcdef-plan.pdf``.
        width: Of a picture, in pixels; None when it is unknown.
        height: Likewise.
    """

    name: str
    width: int | None = None
    height: int | None = None


def page(
    parsed: Parsed,
    *,
    title: str,
    language: str,
    summary: str | None,
    assets: Mapping[str, Asset],
) -> bytes:
    """Return the page as it goes out.

    Args:
        parsed: What was written.
        title: Of the page; it is its heading too, unless the document has one.
        language: In which it is written (BCP 47).
        summary: One line for search engines.
        assets: Path in the bundle to what goes out for it.
    """
    _size_pictures(parsed, assets)
    body = sanitised(write(parsed), _Resolver(assets, parsed.anchors))
    if not parsed.has_title:
        body = f"<h1>{html.escape(title, quote=False)}</h1>\n{body}"
    description = ""
    if summary:
        description = f'<meta name="description" content="{html.escape(summary)}">\n'
    text = _PAGE.substitute(
        language=html.escape(language),
        security=html.escape(security(STYLE, images="'self'")),
        title=html.escape(title, quote=False),
        description=description,
        style=STYLE,
        body=body.strip(),
    )
    return text.encode()


def security(style: str, *, images: str) -> str:
    """Return a Content-Security-Policy that lets a page show pictures and one style: no more."""
    told = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; img-src {images}; style-src 'sha256-{told}'; base-uri 'none'; "
        "form-action 'none'"
    )


def written_part(content: bytes) -> str:
    """Return what stands between the frame of a page that :func:`page` has made."""
    text = content.decode()
    return text[text.index(BEGIN) + len(BEGIN) : text.rindex(END)]


def _size_pictures(parsed: Parsed, assets: Mapping[str, Asset]) -> None:
    """Say how large each picture is, so that nothing jumps while the page loads."""
    for token in parsed.tokens:
        for child in token.children or ():
            asset = assets.get(read_link(str(child.attrs.get("src", ""))).path)
            if child.type == "image" and asset and asset.width and asset.height:
                child.attrs |= {"width": asset.width, "height": asset.height}


class _Resolver:
    """Decides where each link and picture of the page leads; what leads nowhere loses its way."""

    def __init__(self, assets: Mapping[str, Asset], anchors: set[str]) -> None:
        self._assets = assets
        self._anchors = anchors

    def __call__(self, tag: str, attribute: str, value: str) -> str | None:
        if (tag, attribute) == ("a", "href"):
            return self._link(value)
        if (tag, attribute) == ("img", "src"):
            asset = self._assets.get(read_link(value).path)
            return asset.name if asset else None
        return value

    def _link(self, value: str) -> str | None:
        link = read_link(value)
        if link.leads is Leads.FILE:
            asset = self._assets.get(link.path)
            anchor = f"#{link.anchor}" if link.anchor else ""
            return asset.name + anchor if asset else None
        if link.leads is Leads.ANCHOR:
            return link.url if link.anchor in self._anchors or not link.anchor else None
        return link.url if link.leads in {Leads.SITE, Leads.WEB, Leads.PERSON} else None
