"""A worker that runs in the test's own loop."""

import asyncio
from contextlib import asynccontextmanager

from stream_app.runtime.worker import Worker


@asynccontextmanager
async def working(settings, *views, skip=()):
    """Run a worker; give it and its task, and stop it at the end, however it ended."""
    worker = Worker(settings, views, skip=skip)
    task = asyncio.create_task(worker.run())
    try:
        yield worker, task
    finally:
        worker.stop()
        await asyncio.wait_for(asyncio.gather(task, return_exceptions=True), 20)
