"""The storage: what works beside the writer."""

import asyncio

from collector.storage import tell_failure


async def test_a_helper_that_fails_is_told_of(said):
    """What looks after the database does not end in silence."""

    async def broken():
        raise RuntimeError("a bug")

    async def endless():
        await asyncio.Event().wait()

    tasks = [asyncio.create_task(broken()), asyncio.create_task(endless())]
    for task in tasks:
        task.add_done_callback(tell_failure)
    await asyncio.wait({tasks[0]})
    tasks[1].cancel()
    await asyncio.wait(tasks)
    await asyncio.sleep(0)

    assert len(said) == 1
    assert "broken has failed" in said[0]
