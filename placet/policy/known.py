"""The facts each pipeline gives its policy's conditions, by name and kind."""

from collections.abc import Mapping

from placet.domain.facts import FactKind

KNOWN_FACTS: Mapping[str, Mapping[str, FactKind]] = {
    "expense": {
        "total": FactKind.MONEY,
        "currency": FactKind.TEXT,
        "currencies": FactKind.TEXTS,
        "line_count": FactKind.NUMBER,
        "largest_line": FactKind.MONEY,
        "categories": FactKind.TEXTS,
        "all_receipts": FactKind.TRUTH,
        "missing_receipts": FactKind.NUMBER,
        "cost_centre": FactKind.TEXT,
        "requester": FactKind.TEXT,
        "payee_country": FactKind.TEXT,
        "oldest_line_days": FactKind.NUMBER,
    },
}
