import pytest

from tests.support.waiting import eventually, until


def test_a_wait_ends_as_soon_as_what_is_awaited_holds() -> None:
    told = iter([False, False, True])
    until(lambda: next(told), "the third time")
    assert next(told, None) is None


async def test_a_wait_asks_what_can_be_awaited_too() -> None:
    told = iter([False, True])

    async def holds() -> bool:
        return next(told)

    await eventually(holds, "the second time")
    assert next(told, None) is None


async def test_a_wait_in_vain_names_what_was_awaited() -> None:
    with pytest.raises(pytest.fail.Exception, match="for the moon"):
        until(lambda: False, "the moon", patience=0)
    with pytest.raises(pytest.fail.Exception, match="for the moon"):
        await eventually(lambda: False, "the moon", patience=0)
