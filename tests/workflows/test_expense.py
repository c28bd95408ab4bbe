import pytest

from tests.workflows.office import Office, expense


async def test_a_rule_approves_and_the_effect_pays(office: Office) -> None:
    handle = await office.submit(expense("20.00 EUR"))
    result = await handle.result()
    assert (result.outcome, result.by, result.effect) == ("approved", "rule", "done")
    assert await office.kinds(handle) == [
        "requester:request:submitted",
        "system:request:planned",
        "system:case:decided",
        "system:permit:issued",
        "effect:permit:consumed",
        "effect:run:done",
    ]


@pytest.mark.rule(number=2)
async def test_a_manager_approves_by_signal(office: Office) -> None:
    handle = await office.submit()
    await handle.signal("approve", {"actor": "bob@example.com", "reason": "ok"})
    result = await handle.result()
    assert (result.outcome, result.by, result.effect) == ("approved", "people", "done")


@pytest.mark.rule(number=2)
@pytest.mark.rule(number=1)
async def test_the_update_answers_with_a_receipt(office: Office) -> None:
    handle = await office.submit()
    answer = await office.decide(handle, "reject", "BOB@example.com ", reason="no receipt")
    assert answer["accepted"]
    assert answer["leaf"]
    result = await handle.result()
    assert (result.outcome, result.reason) == ("rejected", "no receipt")
