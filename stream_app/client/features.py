"""Clients for live features: what is known of entities, right at the instant it is asked for."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from pydantic import ValidationError

from stream_app.core.features import FeatureView, OnlineFeatures
from stream_app.errors import DataError, SettingsError
from stream_app.settings import RedisSettings
from stream_app.store import (
    BlockingStore,
    FeatureLookup,
    FeatureRow,
    Query,
    Series,
    Store,
    look_history_up,
    look_live_up,
    open_store,
    run_query,
)

__all__ = ["AsyncFeatureClient", "FeatureClient", "Instant"]

Instant = float | datetime | None
"""When: epoch seconds, a time (UTC where it says nothing), or now."""

_RETRIES = 1
_READING, _LISTING, _VIEWS = "reading features", "listing entities", "listing feature views"
_HISTORY = "reading history"


class FeatureClient:
    """Live features for programs that wait for the answer; may be shared by threads.

    It connects when something is first asked. `AsyncFeatureClient` is the same for asyncio.

    Parameters
    ----------
    redis : RedisSettings or str
        The store: settings, or a URL such as ``redis://localhost:6379/0``.
    prefix : str, optional
        Name of the deployment, as in the worker's settings; where not given, that of `redis`.
    timeout : float
        Seconds to wait for a connection, and for an answer.
    remember : float
        Seconds for which definitions are remembered, and with them which version is the latest.

    Raises
    ------
    SettingsError
        If the address is none, or a file of certificates cannot be used.

    Notes
    -----
    A call is one round trip for up to 10,000 entities times views, and one more where definitions are not remembered.

    Examples
    --------
    >>> def offers(customers: list[str]) -> None:
    ...     with FeatureClient("redis://localhost:6379/0") as client:
    ...         found = client.get_online_features(
    ...             features=["purchases:spent_30m", "purchases:v2:items_30d"], entities=customers
    ...         )
    ...         print(found.to_numpy(), found.statuses())
    """

    def __init__(
        self,
        redis: RedisSettings | str,
        *,
        prefix: str | None = None,
        timeout: float = 5.0,
        remember: float = 30.0,
    ) -> None:
        settings = _settings(redis, prefix)
        self._store = BlockingStore(settings, retries=_RETRIES, timeout=timeout)
        self._lookup = FeatureLookup(self._store.keys, remember=remember)

    @classmethod
    def connect(cls, redis: RedisSettings | str, *, prefix: str | None = None) -> Self:
        """Make a client, and see that the store answers.

        Raises
        ------
        StoreError
            If it cannot be reached or refuses the login.
        """
        client = cls(redis, prefix=prefix)
        try:
            return client.__enter__()
        except BaseException:
            client.close()
            raise

    def __enter__(self) -> Self:
        """See that the store answers.

        Raises
        ------
        StoreError
            If it cannot be reached or refuses the login.
        """
        self._store.run_query(_greeting(), "connecting")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect."""
        self.close()

    def close(self) -> None:
        """Disconnect."""
        self._store.close()

    def get_online_features(
        self, features: Sequence[str], entities: Sequence[str], at: Instant = None
    ) -> OnlineFeatures:
        """Read features of entities as they are at an instant.

        Parameters
        ----------
        features : sequence of str
            ``view:feature``, ``view:v2:feature`` or ``view:latest:feature``; ``*`` is every feature of the view. Without
            a version it is the latest.
        entities : sequence of str
            Whose; those that are not known are missing.
        at : float or datetime, optional
            The instant: epoch seconds, or a time (UTC where it says nothing); now where not given. Before an entity's
            newest event only as far as the view's history reaches.

        Returns
        -------
        OnlineFeatures
            Values, event times, ages, and whether they are fresh, stale or missing.

        Raises
        ------
        UnknownFeatureError
            If there is no such view, version or feature; it names those that come nearest.
        DataError
            If an entity or the instant is none.
        StoreError
            If Redis cannot be reached (`StoreUnavailableError`) or refuses.
        StateError
            If what is stored is damaged.
        """
        query = self._lookup.online(features, entities, _epoch(at), now=time.time())
        return self._store.run_query(query, _READING)

    def get_live_features(self, stream: str, sources: Sequence[str]) -> dict[str, FeatureRow]:
        """Read the newest live features of sensors, cameras or models.

        Parameters
        ----------
        stream : str
            Name of their stream.
        sources : sequence of str
            Whose; those that are not known are left out.

        Raises
        ------
        StoreError
            If Redis cannot be reached (`StoreUnavailableError`) or refuses.
        StateError
            If what is stored is damaged.
        """
        return self._store.run_query(look_live_up(self._store.keys, stream, sources), _READING)

    def get_history(
        self, stream: str, source: str, begin: Instant = None, end: Instant = None, *, points: int = 300
    ) -> Series:
        """Read a sensor, camera or model over time, for a chart.

        Parameters
        ----------
        stream, source : str
            Names of the stream and the source.
        begin, end : float or datetime, optional
            Event times (UTC where they say nothing); all that is known where not given.
        points : int
            Most points.

        Returns
        -------
        Series
            Minimum, mean and maximum of each channel, and the score; empty where nothing is known.

        Raises
        ------
        DataError
            If an instant is none, or no point is asked for.
        StoreError
            If Redis cannot be reached (`StoreUnavailableError`) or refuses.
        StateError
            If what is stored is damaged.
        """
        query = look_history_up(self._store.keys, stream, [source], _epoch(begin), _epoch(end), points)
        return self._store.run_query(query, _HISTORY)[source]

    def list_views(self) -> list[FeatureView]:
        """Return all versions of all views, by name and version."""
        return [one.view for one in self._store.run_query(self._lookup.views(), _VIEWS)]

    def list_entities(self, view: str, limit: int = 100) -> list[tuple[str, float]]:
        """Return the entities of a view with the newest events, newest first, with the time of those."""
        return self._store.run_query(self._lookup.entities(view, limit), _LISTING)


class AsyncFeatureClient:
    """Live features for asyncio; see `FeatureClient`, whose parameters and methods it has.

    Examples
    --------
    >>> async def offer(customer: str) -> float | None:
    ...     async with AsyncFeatureClient("redis://localhost:6379/0") as client:
    ...         found = await client.get_online_features(["purchases:spent_30m"], [customer])
    ...         return found[customer, "purchases:spent_30m"].value
    """

    def __init__(
        self,
        redis: RedisSettings | str,
        *,
        prefix: str | None = None,
        timeout: float = 5.0,
        remember: float = 30.0,
    ) -> None:
        self._store: Store = open_store(_settings(redis, prefix), retries=_RETRIES, timeout=timeout)
        self._lookup = FeatureLookup(self._store.keys, remember=remember)

    @classmethod
    async def connect(cls, redis: RedisSettings | str, *, prefix: str | None = None) -> Self:
        """Make a client, and see that the store answers.

        Raises
        ------
        StoreError
            If it cannot be reached or refuses the login.
        """
        client = cls(redis, prefix=prefix)
        try:
            return await client.__aenter__()
        except BaseException:
            await client.close()
            raise

    async def __aenter__(self) -> Self:
        """See that the store answers.

        Raises
        ------
        StoreError
            If it cannot be reached or refuses the login.
        """
        await run_query(self._store, _greeting(), "connecting")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect."""
        await self.close()

    async def close(self) -> None:
        """Disconnect."""
        await self._store.close()

    async def get_online_features(
        self, features: Sequence[str], entities: Sequence[str], at: Instant = None
    ) -> OnlineFeatures:
        """Read features of entities as they are at an instant; see `FeatureClient.get_online_features`."""
        query = self._lookup.online(features, entities, _epoch(at), now=time.time())
        return await run_query(self._store, query, _READING)

    async def get_live_features(self, stream: str, sources: Sequence[str]) -> dict[str, FeatureRow]:
        """Read the newest live features of sensors, cameras or models; see `FeatureClient.get_live_features`."""
        return await run_query(self._store, look_live_up(self._store.keys, stream, sources), _READING)

    async def get_history(
        self, stream: str, source: str, begin: Instant = None, end: Instant = None, *, points: int = 300
    ) -> Series:
        """Read a sensor, camera or model over time, for a chart; see `FeatureClient.get_history`."""
        query = look_history_up(self._store.keys, stream, [source], _epoch(begin), _epoch(end), points)
        return (await run_query(self._store, query, _HISTORY))[source]

    async def list_views(self) -> list[FeatureView]:
        """Return all versions of all views, by name and version."""
        return [one.view for one in await run_query(self._store, self._lookup.views(), _VIEWS)]

    async def list_entities(self, view: str, limit: int = 100) -> list[tuple[str, float]]:
        """Return the entities of a view with the newest events, newest first, with the time of those."""
        return await run_query(self._store, self._lookup.entities(view, limit), _LISTING)


def _settings(redis: RedisSettings | str, prefix: str | None) -> RedisSettings:
    try:
        settings = redis if isinstance(redis, RedisSettings) else RedisSettings.model_validate({"url": redis})
        if prefix is not None:
            settings = type(settings).model_validate(settings.model_dump() | {"prefix": prefix})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        raise SettingsError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    if not settings.url.get_secret_value():
        raise SettingsError("no store: give RedisSettings with a url, or redis://HOST:PORT/0")
    return settings


def _greeting() -> Query[None]:
    yield [("PING",)]


def _epoch(at: Instant) -> float | None:
    if isinstance(at, datetime):
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    if at is not None and not isinstance(at, int | float):
        raise DataError(f"at: {at!r} is neither epoch seconds nor a datetime")
    return at
