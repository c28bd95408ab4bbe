"""What the random search of the case machine draws: policies, people's messages, and nonsense."""

from hypothesis import strategies as st

from placet.domain.message import parse
from placet.domain.plan import (
    Assurance,
    BreakGlass,
    DeadlineAction,
    Selector,
    StagePlan,
    StuckAction,
    TakeOver,
)
from tests.support.cases import Timers, digest, group, level, message, stage

NAMES = ("ann", "bob", "cem", "dan", "eve", "rita")
STAGES = ("first", "second", "third")

names = st.sampled_from(NAMES)
others = st.sampled_from(NAMES[:5])
selectors: st.SearchStrategy[Selector] = st.one_of(
    st.sampled_from(["finance", "legal"]).map(lambda name: Selector(group=name)),
    names.map(lambda name: Selector(person=name)),
    st.sampled_from([Selector(role="boss"), Selector(manager_of="requester")]),
)
rungs = st.one_of(selectors, st.just(Selector(deputy_of="reviewers")))
shares: st.SearchStrategy[int | str] = st.sampled_from([1, 2, 2, "50%", "100%"])
hours = st.integers(20, 200)
final_actions = st.sampled_from(
    [None, DeadlineAction.APPROVE, DeadlineAction.REJECT, DeadlineAction.EXPIRE]
)
Drawn = tuple[list[StagePlan], dict[str, Timers]]


@st.composite
def plans(draw: st.DrawFn) -> Drawn:
    stages: list[StagePlan] = []
    timers: dict[str, Timers] = {}
    for name in STAGES[: draw(st.integers(1, 3))]:
        groups = [
            group(
                f"{name}-{place}",
                *draw(st.lists(selectors, min_size=1, max_size=3)),
                approve=draw(shares),
                reject=draw(shares),
            )
            for place in range(draw(st.integers(1, 3)))
        ]
        ladder = tuple(
            level(
                f"{name}-level-{place}",
                *draw(st.lists(rungs, min_size=1, max_size=2)),
                mode=draw(st.sampled_from(TakeOver)),
                approve=draw(shares),
            )
            for place in range(draw(st.integers(0, 3)))
        )
        different = draw(st.lists(st.sampled_from(STAGES), unique=True))
        proof = st.sampled_from([Assurance.CLAIMED, Assurance.CLAIMED, Assurance.VERIFIED])
        stages.append(
            stage(
                name,
                *groups,
                ladder=ladder,
                assurance=draw(proof),
                distinct_from=tuple(each.name for each in stages if each.name in different),
                deadline_action=draw(st.sampled_from(DeadlineAction)),
                final_action=draw(final_actions),
                when_stuck=draw(st.sampled_from(StuckAction)),
            )
        )
        deadline = draw(hours)
        timers[name] = Timers(
            deadline=deadline,
            final=draw(st.sampled_from([None, deadline + 10, deadline + 100])),
            reminders=tuple(sorted(draw(st.lists(hours, max_size=3)))),
            escalations=tuple(draw(st.none() | hours) for _ in ladder),
            recheck=draw(st.integers(1, 30)),
        )
    return stages, timers


spellings = st.sampled_from(["{}", "{}@example.com", " {}@EXAMPLE.COM ", "{}+x@example.com"])
callers = st.one_of(
    st.builds(lambda spelling, name: spelling.format(name), spellings, names),
    st.sampled_from(["mallory", "rita.two@example.com", "root"]),
)
keys = st.none() | st.sampled_from(["d1", "d2", "d3", "d4"])
shown = st.sampled_from([None, None, None, digest(1), digest(2)])
acts = st.sampled_from(["approve", "approve", "approve", "reject", "request_changes", "comment"])
reviews = st.builds(
    lambda act, who, key, what: message(act, who, decision_id=key, digest=what),
    acts,
    callers,
    keys,
    shown,
)
broken = st.sampled_from(
    [b"", b"[]", b'{"actor": 1}', b'{"actor": "bob", "x": 1}', b"\xff", b"null"]
)
malformed = broken.map(lambda data: parse("approve", [("json/plain", data)], "signal"))
beneficiaries = st.lists(st.sampled_from(["eve", "cem", "rita"]), max_size=2, unique=True)
glasses = st.none() | st.builds(
    lambda role, proof: BreakGlass(
        by=(Selector(role=role), Selector(person="eve")), assurance=proof, at_most_minutes=60
    ),
    st.sampled_from(["boss", "nobody"]),
    st.sampled_from(Assurance),
)
