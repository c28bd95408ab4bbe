"""Take out of HTML whatever could run, load something, or imitate what is not the page.

Ammonia (through nh3) does it: it builds the tree that a browser would build, and writes out only
what is on these lists. What it takes out is reported by :mod:`placet.content.markup`.
"""

from collections.abc import Callable

import nh3


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


TAGS = _names(
    "a abbr b blockquote br caption cite code col colgroup dd del details dfn div dl dt em "
    "figcaption figure h1 h2 h3 h4 h5 h6 hr i img ins kbd li mark ol p pre q s samp small span "
    "strong sub summary sup table tbody td tfoot th thead time tr u ul var wbr"
)
# Of these not even the text between them is kept.
EMPTIED = _names(
    "embed frame frameset iframe math noembed noframes noscript object plaintext script select "
    "style svg template textarea title xmp"
)
ATTRIBUTES: dict[str, set[str]] = {
    "*": {"dir", "lang"},
    "a": {"href", "title"},
    "abbr": {"title"},
    "col": {"span"},
    "colgroup": {"span"},
    "details": {"open"},
    "img": {"alt", "height", "src", "title", "width"},
    "ol": {"reversed", "start"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "time": {"datetime"},
    **{f"h{level}": {"id"} for level in range(1, 7)},
}
ALIGNED = frozenset({"center", "left", "right"})
"""The classes a cell of a table may have."""

_SCHEMES = {"http", "https", "mailto", "tel"}

Filter = Callable[[str, str, str], str | None]
"""Says what an attribute's value becomes: ``(tag, attribute, value) -> value``, None without."""


def sanitised(html: str, resolve: Filter) -> str:
    """Return ``html`` with nothing in it but what is on the lists; doing it again changes nothing.

    Args:
        html: Anything.
        resolve: Decides about each attribute that is on the lists.
    """
    return nh3.clean(
        html,
        tags=set(TAGS),
        clean_content_tags=set(EMPTIED),
        attributes=ATTRIBUTES,
        attribute_filter=resolve,
        allowed_classes={"td": set(ALIGNED), "th": set(ALIGNED)},
        strip_comments=True,
        link_rel="noopener noreferrer",
        url_schemes=_SCHEMES,
    )


def is_allowed(tag: str, attribute: str) -> bool:
    """Say whether an attribute, both in lower case, is on the lists."""
    return attribute in ATTRIBUTES["*"] or attribute in ATTRIBUTES.get(tag, ())
