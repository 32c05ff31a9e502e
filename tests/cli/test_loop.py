"""How the program runs its coroutines."""

import asyncio
import time

import pytest

from stream_app.cli.loop import run


def test_the_result_comes_back():
    async def work():
        return 7

    assert run(work()) == 7


def test_a_task_that_will_not_end_does_not_hold_up_the_program():
    async def stubborn():
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                continue

    kept = []

    async def work():
        kept.append(asyncio.create_task(stubborn()))
        await asyncio.sleep(0)
        raise ValueError("the work failed")

    begin = time.monotonic()
    with pytest.raises(ValueError, match="the work failed"):
        run(work())
    assert time.monotonic() - begin < 10


def test_tasks_that_were_left_behind_are_cancelled():
    ended = []

    async def other():
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append(True)

    kept = []

    async def work():
        kept.append(asyncio.create_task(other()))
        await asyncio.sleep(0)

    run(work())
    assert ended == [True]
