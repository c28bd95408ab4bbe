"""The rules, in plain words."""

from typing import NamedTuple


class Rule(NamedTuple):
    """One guarantee: its number, its name, and what it means for people."""

    number: int
    name: str
    says: str


RULES = (
    Rule(
        1,
        "Ledger first",
        "Nobody is told that their decision counts, nothing is paid and no request ends before the "
        "event that says so is committed in Postgres.",
    ),
    Rule(
        2,
        "One door, many handles",
        "A signal, an update, the command line and a timer all end in the same transition of the "
        "same state machine. No channel has rules of its own.",
    ),
    Rule(
        3,
        "A decision counts once",
        "The same decision id gives the same receipt, however often it comes and on whatever way.",
    ),
    Rule(
        4,
        "Approve what you saw",
        "A review is for the exact content it was shown, by its SHA-256. A changed request has no "
        "votes, and an effect refuses any other content than the one that was approved.",
    ),
    Rule(
        5,
        "An effect runs at most once",
        "One approval pays once, also when the worker dies between any two lines. What the outside "
        "world cannot tell apart stops with a question for a person instead of a guess.",
    ),
    Rule(
        6,
        "Nobody approves their own request",
        "Nor what is for themselves: not under another spelling of their address, not through a "
        "delegate, not through a second account of the same person; and one person fills one seat.",
    ),
    Rule(
        7,
        "The workflow decides what time it is",
        "A decision after the deadline has decided is recorded as late and changes nothing; when "
        "both reach the workflow together, the person wins. A decision that comes before its stage "
        "is kept for it.",
    ),
    Rule(
        8,
        "No input can wedge a request",
        "Nothing, a list, a megabyte of nonsense, an unknown name: the request goes on, and the "
        "attempt is in the ledger as refused.",
    ),
    Rule(
        9,
        "A request always ends",
        "Every stage has a deadline. A stage that nobody can decide any more is seen at once, and "
        "goes up or ends by the policy's rule.",
    ),
    Rule(
        10,
        "Requests under way keep their rules",
        "A request is decided by the policy, the calendar and the rates it was planned with, and "
        "goes on under newer code.",
    ),
    Rule(
        11,
        "The ledger cannot be quietly changed",
        "The application's roles cannot change or remove an event, triggers stop whoever has more "
        "rights, and a change of a recorded event changes its leaf hash.",
    ),
    Rule(
        12,
        "Nothing that a person typed can run",
        "Text is cleaned where it enters, never becomes part of a statement, a path or a line of a "
        "log, and conditions are a language without side effects.",
    ),
)
