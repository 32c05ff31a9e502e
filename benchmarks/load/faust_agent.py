"""A Faust agent with River's detectors, written with care: typed decoding, features written twice a second in one pipeline."""

import asyncio
import tempfile
from collections.abc import Callable

import faust
import msgspec
import redis.asyncio as redis
from load.events import Reading
from load.servers import Place
from river import drift, stats, utils

__all__ = ["run_faust_agent"]

_FLUSH_SECONDS = 0.5  # as often as the worker writes the features of a source
_WINDOW = 60


class Channel:
    """What one would keep of a channel with River."""

    __slots__ = ("adwin", "mean", "page_hinkley", "variance")

    def __init__(self) -> None:
        self.adwin, self.page_hinkley = drift.ADWIN(), drift.PageHinkley()
        self.mean, self.variance = utils.Rolling(stats.Mean(), _WINDOW), utils.Rolling(stats.Var(), _WINDOW)

    def update(self, x: float) -> bool:
        """Take a reading; say whether it drifts."""
        self.mean.update(x)
        self.variance.update(x)
        self.adwin.update(x)
        self.page_hinkley.update(x)
        return bool(self.adwin.drift_detected or self.page_hinkley.drift_detected)


class Sources:
    """The channels of all sources, and those whose features are not written yet."""

    def __init__(self, store: redis.Redis) -> None:
        self._store = store
        self._channels: dict[str, dict[str, Channel]] = {}
        self._changed: set[str] = set()

    async def take(self, reading: Reading) -> None:
        """Update the channels of a source, and write an alert where one drifts."""
        kept = self._channels.get(reading.source)
        if kept is None:
            kept = self._channels[reading.source] = {channel: Channel() for channel in reading.values}
        drifting = [channel for channel, x in reading.values.items() if kept[channel].update(x)]
        self._changed.add(reading.source)
        if drifting:
            await self._store.xadd("plain:alerts", {"source": reading.source, "channels": ",".join(drifting)})

    async def flush(self) -> None:
        """Write the features that changed."""
        changed, self._changed = self._changed, set()
        async with self._store.pipeline(transaction=False) as pipe:
            for name in changed:
                features = {}
                for channel, kept in self._channels[name].items():
                    features[f"{channel}.mean"] = kept.mean.get()
                    features[f"{channel}.var"] = kept.variance.get()
                pipe.hset(f"plain:{name}", mapping=features)
            await pipe.execute()

    async def flush_often(self) -> None:
        """Flush again and again."""
        while True:
            await asyncio.sleep(_FLUSH_SECONDS)
            await self.flush()


async def run_faust_agent(
    place: Place, topic: str, events: int, *, began: Callable[[], None], ended: Callable[[], None]
) -> None:
    """Read so many events; call `began` at the first, and `ended` when what the last brought is written."""
    store = redis.Redis.from_url(place.redis)
    sources, decode = Sources(store), msgspec.json.Decoder(Reading).decode
    finished = asyncio.Event()
    with tempfile.TemporaryDirectory() as directory:
        app = faust.App(
            place.name, broker=f"kafka://{place.kafka}", datadir=directory, web_enabled=False,
            topic_disable_leader=True, topic_allow_declare=False,
        )  # fmt: skip

        @app.agent(app.topic(topic, value_serializer="raw"))
        async def watch(stream):
            count = 0
            async for value in stream:
                if not count:
                    began()
                await sources.take(decode(value))
                count += 1
                if count == events:
                    finished.set()

        app.finalize()
        await app.start()
        flushing = asyncio.create_task(sources.flush_often())
        await finished.wait()
        flushing.cancel()
        await sources.flush()
        ended()
        await app.stop()
    await store.aclose()
