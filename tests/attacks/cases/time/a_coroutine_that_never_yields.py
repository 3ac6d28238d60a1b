# Awaits, at the top level, a coroutine that blocks the event loop, then one that never comes.
import asyncio
import time


async def blocks():
    while True:
        try:
            time.sleep(60)
        except BaseException:
            break
    try:
        await asyncio.Event().wait()
    finally:
        while True:
            try:
                time.sleep(60)
            except BaseException:
                pass


await blocks()
