"""Sources that have learned, put into a store as a worker would have left them: nobody waits for 10,000 warm-ups."""

import time

import numpy as np
from load.events import CHANNELS, PARTITIONS, noise, source
from load.servers import Place

from stream_app.backtesting import InputRows
from stream_app.monitors.sensors import SensorMonitor
from stream_app.settings import RedisSettings, SensorStream
from stream_app.store import Checkpoint, CheckpointStore, LastSeen, connect, pack_state

__all__ = ["teach"]

ROWS = 3000
AT_ONCE = 1000


async def teach(
    place: Place, topic: str, stream: SensorStream, *, sources: int, period: float, until: float
) -> int:
    """Store the state of one taught source under the names of all.

    Parameters
    ----------
    place : Place
        The store; the consumer group has the place's name.
    topic : str
        An empty topic.
    stream : SensorStream
        Settings that the worker will have, too.
    sources : int
        How many; number i belongs to partition i modulo `PARTITIONS`.
    period : float
        Seconds between two events of a source.
    until : float
        Epoch seconds: its last event was a period before.

    Returns
    -------
    int
        Bytes of a packed state.
    """
    monitor = SensorMonitor(stream)
    ts = until - period * np.arange(ROWS, 0, -1)
    monitor.update(InputRows.of("taught", ts, CHANNELS, noise(ROWS, seed=1)).readings())
    state = monitor.state("taught")
    store = await connect(RedisSettings(url=place.redis))
    checkpoints = CheckpointStore(store, place.name)
    size = 0
    for number in range(PARTITIONS):
        claim = await checkpoints.claim(topic, number)
        names = [source(i) for i in range(number, sources, PARTITIONS)]
        base = None
        for first in range(0, max(len(names), 1), AT_ONCE):
            some = names[first : first + AT_ONCE]
            states = {name: pack_state(state, bound_to=checkpoints.name(claim, name)) for name in some}
            size = max([size, *map(len, states.values())])
            seen = dict.fromkeys(some, LastSeen(-1, time.time()))
            await checkpoints.write(Checkpoint(claim, base, 0, states, seen))
            base = 0
    await store.close()
    return size
