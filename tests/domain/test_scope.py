import json
from collections.abc import Mapping
from typing import Any

import pytest

from placet.domain.scope import scope_sentences

A, B, C = ("a" * 64, "b" * 64, "c" * 64)

ACCESS = {
    "name": "orders",
    "target": "sample-db",
    "kind": "postgres",
    "role": "orders_write",
    "account": "dan_db",
    "person": "dan",
    "entry": A,
    "hours": 24,
}
DELETION = {
    "dataset": "visits",
    "source": "sample",
    "catalogue": A,
    "rows": 875,
    "total": 5000,
    "selection": B,
    "parts": [C],
    "survey": C,
    "mode": "hard",
    "grace": "2d",
    "tolerance": 1,
}
EXPORT = {
    "dataset": "customers",
    "source": "sample",
    "catalogue": A,
    "rows": 27,
    "columns": ["id", "name"],
    "personal": ["name"],
    "format": "csv",
    "compression": "zstd",
    "encrypt": True,
    "tolerance": 2.5,
    "keep": "3d",
    "recipient": "data@printshop.example",
}
ERASURE = {"subject": "bob", "events": 1, "files": 2, "requests": 1, "stays": ["his id (a duty)"]}
PUBLICATION = {
    "action": "publish",
    "slug": "news",
    "version": A,
    "replaces": B,
    "targets": {"site": "file:///www"},
}
SENDING = {"recipients": A, "count": 1, "domains": {"example.org": 1}}

DRIFT = (
    "only rows that fit then too are touched; if the selection has changed by more than 1%, "
    "nothing is, and people are asked again"
)


@pytest.mark.parametrize(
    ("pipeline", "scope", "told"),
    [
        (
            "access",
            ACCESS,
            [
                (
                    "dan, whose account there is dan_db, gets the role orders_write in sample-db "
                    "for 1 day"
                ),
                f"the catalogue calls it orders; digest of its entry {A}",
            ],
        ),
        (
            "delete",
            DELETION,
            [
                "875 of 5,000 rows in visits of sample (17.5%)",
                "for good, 2d after the approval; until then it can be withdrawn",
                DRIFT,
                f"digest of the selection {B}",
            ],
        ),
        (
            "delete",
            DELETION | {"mode": "soft", "grace": None, "undo": "7d", "purge": True, "rows": 5000},
            [
                "5,000 of 5,000 rows in visits of sample (all of them)",
                "marked as deleted; for 7d that can be undone, then the rows are deleted for good",
                DRIFT,
                f"digest of the selection {B}",
            ],
        ),
        (
            "export",
            EXPORT,
            [
                "27 rows of customers of sample: id, name",
                "about people: name",
                (
                    "goes to data@printshop.example as customers.csv.zst.age, encrypted to its "
                    "key; kept for 3d"
                ),
                (
                    "if the number of rows has changed by more than 2.5% by then, nothing goes "
                    "out, and people are asked again"
                ),
            ],
        ),
        (
            "erase",
            ERASURE,
            [
                "what 1 event says about bob in the ledger, and the key that opens it",
                "2 stored files of requests of theirs",
                "stays: his id (a duty)",
            ],
        ),
        (
            "publish",
            PUBLICATION,
            [
                "publish news",
                "at site: file:///www",
                f"version {A}",
                f"in place of version {B}",
            ],
        ),
        ("send", SENDING, ["1 recipient: example.org 1", f"digest of their list {A}"]),
    ],
)
def test_those_who_decide_read_what_an_effect_will_touch_in_sentences(
    pipeline: str, scope: Mapping[str, Any], told: list[str]
) -> None:
    assert scope_sentences(pipeline, json.loads(json.dumps(scope))) == told


@pytest.mark.parametrize(
    ("pipeline", "scope", "told"),
    [
        ("expense", {"case": "access-1", "none": None}, ["case: access-1"]),
        ("one-of-tomorrow", {"all": True, "of": {"a": 1, "b": 2}}, ["all: yes", "of: a 1, b 2"]),
        ("delete", {"rows": 3, "parts": ["x", "y"]}, ["rows: 3", "parts: x, y"]),
        ("access", {**ACCESS, "entry": "[erased]"}, None),
    ],
)
def test_what_nobody_knows_how_to_tell_is_listed(
    pipeline: str, scope: Mapping[str, Any], told: list[str] | None
) -> None:
    listed = [f"{name}: {value}" for name, value in scope.items()]
    assert scope_sentences(pipeline, scope) == (listed if told is None else told)
