"""Following what a Prometheus server records."""

import asyncio
from dataclasses import dataclass
from math import floor

from producers.platform.polling import Position, moments
from producers.platform.prometheus import History, by_time
from producers.platform.sink import Sink
from stream_app.errors import SourceError

__all__ = ["PrometheusFollower"]

_PIECE = 120
"""Steps that are asked for at a time, when there is much to make up for."""


@dataclass(frozen=True, slots=True)
class PrometheusFollower:
    """Sends on what a server has recorded, step after step; a `Feed`.

    Parameters
    ----------
    history : History
    step : float
        Seconds.
    start : float
        Where it begins, epoch seconds, if no place is stored.
    position : Position or None
        Where it is kept how far it got.
    delay : float
        Seconds for which the newest samples are waited on, as the server scrapes after their time.
    """

    history: History
    step: float
    start: float
    position: Position | None = None
    delay: float = 5.0

    async def __call__(self, sink: Sink, stop: asyncio.Event) -> None:
        """Ask for the newest samples until `stop` is set.

        Raises
        ------
        SourceError
            If the server does not answer at the first time; later it is asked again.
        BrokerError
            If Kafka refuses.
        """
        place = None if self.position is None else self.position.load()
        begin = self.start if place is None else place.ts
        done, answered = floor(begin / self.step) * self.step, False
        async for now in moments(self.step, stop):
            newest = floor((now - self.delay) / self.step) * self.step
            while done < newest and not stop.is_set():
                end = min(done + _PIECE * self.step, newest)
                try:
                    found = await asyncio.to_thread(self.history.after, done, end)
                except SourceError as error:
                    if not answered:
                        raise
                    sink.failed(self.history.identity, str(error))
                    break
                answered = True
                sink.recovered(self.history.identity)
                await sink.send(by_time(found, sink.leave_out))
                done = end
                if self.position is not None:
                    self.position.save(done)
