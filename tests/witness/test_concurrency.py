"""Many submitters at once: one root for each size, and never a step back."""

import asyncio
import random
from collections import defaultdict
from typing import NamedTuple

import httpx
import pytest

from placet.witness.messages import PATH
from tests.support.logs import Log
from tests.support.waiting import PATIENCE_SECONDS
from tests.witness.mortal import Running

SUBMITTERS = 12
ROUNDS = 12
FORKED_AT = 3


class Cosigned(NamedTuple):
    """A checkpoint that was cosigned, and the largest that had been when it was asked for."""

    size: int
    text: str
    known_before: int


async def _submit(
    client: httpx.AsyncClient,
    url: str,
    log: Log,
    chance: random.Random,
    cosigned: list[Cosigned],
) -> None:
    """Ask for larger and larger checkpoints of one history, as a log that wants to win."""
    old = 0
    for _ in range(ROUNDS):
        size = max(old, 1) + chance.randrange(4)
        known = max((each.size for each in cosigned), default=0)
        answer = await client.post(url + PATH, content=log.request(old, size))
        if answer.status_code == 200:
            cosigned.append(Cosigned(size, log.checkpoint(size).text, known))
            old = size
        elif answer.status_code == 409:
            old = int(answer.text)
        else:
            assert answer.status_code == 422, answer.text


@pytest.mark.rule(number=11)
@pytest.mark.parametrize("seed", range(3))
async def test_a_size_has_one_root_and_none_is_rolled_back(
    witness: Running, history: Log, seed: int
) -> None:
    cosigned: list[Cosigned] = []
    histories = (history, history.forked(FORKED_AT), history.forked(0))
    limits = httpx.Limits(max_connections=SUBMITTERS)
    async with httpx.AsyncClient(timeout=PATIENCE_SECONDS, limits=limits) as client:
        submitters = []
        for i in range(SUBMITTERS):
            chance = random.Random(seed * SUBMITTERS + i)  # noqa: S311 - a test repeats itself
            submitters.append(_submit(client, witness.url, histories[i % 3], chance, cosigned))
        await asyncio.gather(*submitters)
    roots = defaultdict(set)
    for each in cosigned:
        roots[each.size].add(each.text)
        assert each.size >= each.known_before
    assert max(len(texts) for texts in roots.values()) == 1
    assert len(cosigned) > ROUNDS
    agree = [
        log
        for log in histories
        if all(each.text == log.checkpoint(each.size).text for each in cosigned)
    ]
    assert agree, "what was cosigned is no one history"
    largest = max(roots)
    known = witness.post(agree[0].request(0, largest + 1))
    assert (known.status_code, known.text) == (409, f"{largest}\n")


@pytest.mark.rule(number=11)
async def test_of_two_that_ask_from_the_same_size_only_one_moves_it(
    witness: Running, history: Log
) -> None:
    fork = history.forked(0)
    async with httpx.AsyncClient(timeout=PATIENCE_SECONDS) as client:
        for start in range(20):
            bodies = (
                [log.request(0, 5) for log in (history, fork)]
                if start == 0
                else [history.request(start + 4, start + 5) for _ in range(4)]
            )
            answers = await asyncio.gather(
                *(client.post(witness.url + PATH, content=body) for body in bodies)
            )
            codes = sorted(answer.status_code for answer in answers)
            assert codes == [200] + [409] * (len(bodies) - 1)
            if start == 0 and answers[1].status_code == 200:
                history = fork
