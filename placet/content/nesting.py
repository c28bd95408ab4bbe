"""Say how deep HTML nests, without building its tree: that takes the square of the depth."""

import re
from collections import Counter

MAX_DEPTH = 200
"""People write a tenth of it. Sanitising takes time that grows with depth times length."""

_ATTRIBUTE = r"""[\s/]*+[^\s/>][^\s/>=]*+(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|(?!["'>])[^\s>]++)?+)?+"""
_STEP = re.compile(
    r"(?P<hidden>"
    r"<!--(?:-?>|.*?(?:--!?>|\Z))"
    r"|<(?P<text>style|textarea|title|xmp|iframe|noembed|noframes)(?=[\s/>]).*?"
    r"(?:</(?P=text)(?=[\s/>])|\Z))"
    r"|(?P<cdata><!\[CDATA\[)"
    r"|<(?:[!?]|/(?![a-z]))[^>]*+"
    rf"|<(?P<end>/?)(?P<name>[a-z][^\s/>]*+)(?:{_ATTRIBUTE})*+",
    re.IGNORECASE | re.DOTALL,
)
_OPENS = re.compile(r"<[a-z]", re.IGNORECASE)
# They have no content, or the next of them ends the one before.
_FLAT = frozenset(
    {
        *("area", "base", "br", "col", "dd", "dt", "embed", "hr", "img", "input", "li", "link"),
        *("meta", "option", "p", "param", "source", "tbody", "td", "tfoot", "th", "thead", "tr"),
        *("track", "wbr"),
    }
)
# Behind them other rules hold. None of them gets into a page, so nobody needs to know the rules.
_STRANGE = frozenset(
    {
        *("frameset", "math", "noscript", "plaintext", "script", "select", "svg", "template"),
    }
)


def nests_too_deep(html: str) -> bool:
    """Say whether more than 200 elements may be open at once, as a browser would read ``html``.

    In doubt an element is taken to open, and none to end: behind what a page cannot have, such as
    ``<svg>``, nothing ends, and what stands in comments opens something.
    """
    opened: Counter[str] = Counter()
    depth, plain = 0, True
    for step in _STEP.finditer(html):
        name = (step["name"] or "").lower()
        plain = plain and not step["cdata"] and name not in _STRANGE
        if step["hidden"]:
            depth += 0 if plain else len(_OPENS.findall(step["hidden"]))
        elif name and name not in _FLAT and not step["end"]:
            opened[name] += 1
            depth += 1
        elif plain and opened[name]:
            opened[name] -= 1
            depth -= 1
        if depth > MAX_DEPTH:
            return True
    return False
