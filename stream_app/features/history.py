"""Point-in-time training rows from recorded events.

Both here and online a value at t is made of the events with ``ts < t``, by the same code over the same logs. So nothing
leaks from the instant itself or from later, and training sees what serving gives.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from stream_app.core.features import EntityLog, Evaluator, Layout, Reading, micros
from stream_app.errors import DataError, UnknownFeatureError
from stream_app.events import LogId, SessionRow
from stream_app.monitors.sessions import SessionArrivals, SessionConfig, SessionMonitor

__all__ = ["HistoryRow", "Recorded", "point_in_time"]

_SECOND = 1e6


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recorded event with its position.

    Parameters
    ----------
    row : SessionRow
        The event.
    partition, offset : int
        Where it stood; in a file, 0 and its place.
    record_ts : float
        When it came, in epoch seconds; in a file without such a column, its own time.
    """

    row: SessionRow
    partition: int
    offset: int
    record_ts: float


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """Features of one entity as of one instant.

    Parameters
    ----------
    entity : str
        Name of the entity.
    at : float
        The instant, in epoch seconds.
    event_ts : float or None
        Time of the newest event before it; None if the entity was not known.
    values : dict of str to float or None
        Feature to value.
    incomplete : tuple of str
        Features that are None because a view keeps no more than `max_events`.
    """

    entity: str
    at: float
    event_ts: float | None
    values: dict[str, float | None]
    incomplete: tuple[str, ...] = ()


def point_in_time(
    config: SessionConfig,
    view: str,
    events: Iterable[Recorded],
    instants: Sequence[tuple[str, float]],
    *,
    features: Sequence[str] | None = None,
    known: Literal["event time", "arrival"] = "event time",
) -> list[HistoryRow]:
    """Return the features of entities as of past instants.

    Parameters
    ----------
    config : SessionConfig
        The stream's, as the worker has it: its checks decide here, too, which events count.
    view : str
        Name and version, such as ``purchases:v1``.
    events : iterable of Recorded
        Those of the stream, in the order in which they came.
    instants : sequence of (str, float)
        Entity, and epoch seconds.
    features : sequence of str, optional
        Names; all of the view where not given.
    known : {"event time", "arrival"}
        Which events a row knows: all that happened before the instant, also those that came later (what a reader who
        asks for the instant now gets); or only those that had come before it (what a reader got then by a
        worker that did not lag; arrival is the record's own time).

    Returns
    -------
    list of HistoryRow
        As many as were asked for, in that order.

    Raises
    ------
    UnknownFeatureError
        If there is no such view or feature.
    DataError
        If an instant is none.

    Examples
    --------
    >>> from stream_app.core.features import Feature, FeatureView, Sliding
    >>> view = FeatureView("purchases", (Feature("spent_30m", "sum", "amount", Sliding(1800)),))
    >>> events = [
    ...     Recorded(SessionRow("17850", ts, "purchase", {"amount": amount}), 0, offset, ts)
    ...     for offset, (ts, amount) in enumerate([(0.0, 2.5), (600.0, 4.0)])
    ... ]
    >>> rows = point_in_time(SessionConfig((view,)), "purchases:v1", events, [("17850", 600.0), ("17850", 601.0)])
    >>> [row.values["spent_30m"] for row in rows]
    [2.5, 6.5]
    """
    wanted = next((one for one in config.views if one.key == view), None)
    if wanted is None:
        names = ", ".join(one.key for one in config.views)
        raise UnknownFeatureError(f"no feature view {view!r} in stream {config.stream}; there is {names}")
    config = SessionConfig((wanted,), config.stream, config.limits, config.max_future)
    evaluator = Evaluator(Layout(wanted), features)
    if not all(0 <= at < float("inf") for _, at in instants):
        raise DataError("an instant is in epoch seconds, not negative and finite")
    entities = {entity for entity, _ in instants}
    mine = (event for event in events if event.row.entity in entities)
    ask = _by_event_time if known == "event time" else _by_arrival
    readings = ask(config, view, mine, instants, evaluator)
    return [
        HistoryRow(
            entity,
            at,
            None if reading.event_ts is None else reading.event_ts / _SECOND,
            dict(zip(evaluator.names, reading.values, strict=True)),
            reading.incomplete,
        )
        for (entity, at), reading in zip(instants, readings, strict=True)
    ]


def _by_event_time(
    config: SessionConfig,
    view: str,
    events: Iterable[Recorded],
    instants: Sequence[tuple[str, float]],
    evaluator: Evaluator,
) -> Iterator[Reading]:
    monitor = SessionMonitor(config, endless=True)
    for event in events:
        monitor.take(_alone(event), LogId(event.partition))
    unknown = EntityLog(Layout(config.views[0]))
    for entity, at in instants:
        yield evaluator.read(monitor.log(entity, view) or unknown, micros(at))


def _by_arrival(
    config: SessionConfig,
    view: str,
    events: Iterable[Recorded],
    instants: Sequence[tuple[str, float]],
    evaluator: Evaluator,
) -> list[Reading]:
    monitor = SessionMonitor(config)
    unknown = EntityLog(Layout(config.views[0]))
    order = sorted(range(len(instants)), key=lambda i: instants[i][1])
    readings: dict[int, Reading] = {}

    def answer_until(moment: float) -> None:
        while len(readings) < len(order) and instants[i := order[len(readings)]][1] <= moment:
            entity, at = instants[i]
            readings[i] = evaluator.read(monitor.log(entity, view) or unknown, micros(at))

    now = 0.0
    for event in events:
        now = max(now, event.record_ts)
        answer_until(now)
        monitor.update(_alone(event), LogId(event.partition))
    answer_until(float("inf"))
    return [readings[i] for i in range(len(instants))]


def _alone(event: Recorded) -> SessionArrivals:
    return SessionArrivals([event.row], [event.offset], [event.record_ts])
