"""Metrics of processes that expose them, scraped as Prometheus does it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp

from producers.platform.endpoint import Endpoint
from producers.platform.exposition import CONTENT_TYPE, parse_exposition
from producers.platform.polling import moments
from producers.platform.records import Sample, scrapes
from producers.platform.sink import Sink
from stream_app.errors import SourceError

__all__ = ["MAX_PAGE_BYTES", "Scraper"]

MAX_PAGE_BYTES = 1 << 26
"""Of one page of metrics."""


@dataclass(frozen=True, slots=True)
class Scraper:
    """Asks processes for their metrics at even times; a `Feed`.

    Each sample has the label ``instance``, the host and port of its process, where it says none itself. The sample ``up`` is
    1 where a process has answered and 0 where it has not, as with Prometheus.

    Parameters
    ----------
    targets : sequence of Endpoint
    interval : float
        Seconds between two scrapes of a process. Longer than it takes to answer.
    """

    targets: Sequence[Endpoint]
    interval: float

    async def __call__(self, sink: Sink, stop: asyncio.Event) -> None:
        """Scrape until `stop` is set.

        Raises
        ------
        BrokerError
            If Kafka refuses.
        """
        timeout = aiohttp.ClientTimeout(total=min(self.interval, 30.0))
        async with aiohttp.ClientSession(timeout=timeout) as session:
            tasks = [asyncio.create_task(self._follow(one, session, sink, stop)) for one in self.targets]
            try:
                await asyncio.gather(*tasks)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(
        self, target: Endpoint, session: aiohttp.ClientSession, sink: Sink, stop: asyncio.Event
    ) -> None:
        async for ts in moments(self.interval, stop):
            samples = await self._scrape(target, session, sink)
            await sink.send(list(scrapes(ts, samples, sink.leave_out)))

    async def _scrape(self, target: Endpoint, session: aiohttp.ClientSession, sink: Sink) -> list[Sample]:
        instance = urlsplit(target.url).netloc
        try:
            samples = parse_exposition(await _page(target, session), target.url)
        except SourceError as error:
            sink.failed(target.url, str(error))
            return [Sample("up", {"instance": instance}, 0.0)]
        sink.recovered(target.url)
        for sample in samples:
            sample.labels.setdefault("instance", instance)
        return [*samples, Sample("up", {"instance": instance}, 1.0)]


async def _page(target: Endpoint, session: aiohttp.ClientSession) -> str:
    """Return the page of metrics of a process.

    Raises
    ------
    SourceError
        If it does not answer, or with something else.
    """
    headers = {**target.headers, "Accept": f"{CONTENT_TYPE},*/*;q=0.1"}
    try:
        async with session.get(target.url, headers=headers, allow_redirects=False) as answer:
            if answer.status != 200:
                raise SourceError(f"{target.url}: {answer.status} {answer.reason or ''}".strip())
            body = bytearray()
            async for piece in answer.content.iter_chunked(1 << 16):
                body += piece
                if len(body) > MAX_PAGE_BYTES:
                    raise SourceError(f"{target.url}: a page of more than {MAX_PAGE_BYTES:,} bytes")
            return body.decode()
    except UnicodeDecodeError:
        raise SourceError(f"{target.url}: the page is not UTF-8 text") from None
    except TimeoutError:
        raise SourceError(f"{target.url}: no answer in time") from None
    except (aiohttp.ClientError, OSError) as error:
        raise SourceError(f"{target.url} cannot be read: {error}") from None
