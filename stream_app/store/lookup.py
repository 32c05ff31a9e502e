"""Looking up live features: which keys to read, and what their logs say at an instant.

Nothing here sends anything: it yields commands and takes their answers, see `stream_app.store.rounds`.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from stream_app.core.features import (
    BatchEvaluator,
    Column,
    Evaluator,
    FeatureView,
    Layout,
    OnlineFeatures,
    Readings,
    ViewReadings,
    micros,
    select_features,
)
from stream_app.errors import DataError, StateError
from stream_app.events import MAX_INSTANT
from stream_app.store.feature_logs import LOG
from stream_app.store.keys import Keys, are_plain
from stream_app.store.latest import sound_entities
from stream_app.store.rounds import Command, Query
from stream_app.store.views import RegisteredView, parse_versions, sound_versions

__all__ = ["FeatureLookup"]

_MAX_ENTITY = 256
"""Longest name that an event may give an entity, in characters."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Of what else is not printable no event has one, but what that is changes with each version of Unicode."""

_READ_AT_ONCE = 500
"""Logs that one MGET reads, so that Redis does not stand still for others meanwhile."""

_ROUND = 10_000
"""Logs that are read in one round trip; more would only fill the memory."""

_BREATH = 2_000_000
"""Bytes of logs that are evaluated before others may go on: about 5 ms."""

_REMEMBERED = 256
_NAME = re.compile(r"[^:@]*")


@dataclass(frozen=True, slots=True)
class _Part:
    """What is asked of one view."""

    view: FeatureView
    evaluator: BatchEvaluator
    begin: str


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a list of features asks for."""

    parts: tuple[_Part, ...]
    columns: tuple[Column, ...]
    made: float


class FeatureLookup:
    """Looks up live features, and remembers what views there are.

    Parameters
    ----------
    keys : Keys
        Names of the keys.
    remember : float
        Seconds for which the definitions of views are remembered: so long may pass until a new version is the latest one.
        A log that was written by another definition makes them be read again.
    """

    def __init__(self, keys: Keys, *, remember: float = 30.0) -> None:
        self._keys = keys
        self._remember = remember
        self._plans: dict[tuple[str, ...], _Plan] = {}

    def online(
        self, features: Sequence[str], entities: Sequence[str], at: float | None, *, now: float
    ) -> Query[OnlineFeatures]:
        """Look features of entities up.

        Parameters
        ----------
        features : sequence of str
            See `select_features`.
        entities : sequence of str
            Whose; those that are not known are missing.
        at : float or None
            The instant, in epoch seconds; now where not given.
        now : float
            The time, in epoch seconds.

        Raises
        ------
        UnknownFeatureError
            If a view, version or feature does not exist.
        DataError
            If an entity or the instant is none.
        StateError
            If a log or a definition is damaged.
        """
        if isinstance(features, str) or isinstance(entities, str):
            raise DataError("features and entities are lists of texts, not one text")
        if not features:
            raise DataError("features: name at least one, such as 'purchases:spent_30m'")
        instant = now if at is None else at
        if not 0 <= instant < MAX_INSTANT:
            raise DataError(f"at: {instant} is no instant in epoch seconds")
        asked, quoted = tuple(features), self._quoted(entities)
        plan = self._plans.get(asked)
        known = plan is not None and 0 <= now - plan.made < self._remember
        if plan is None or not known:
            plan = yield from self._planned(asked, now)
        try:
            readings = yield from self._read(plan, quoted, micros(instant))
        except StateError:
            if not known:
                raise
            # The version may have been made anew with another definition.
            plan = yield from self._planned(asked, now)
            readings = yield from self._read(plan, quoted, micros(instant))
        views = tuple(
            ViewReadings(part.view.key, part.view.freshness, part.evaluator.names, read)
            for part, read in zip(plan.parts, readings, strict=True)
        )
        return OnlineFeatures(tuple(entities), instant, plan.columns, views)

    def _quoted(self, entities: Sequence[str]) -> Sequence[str]:
        if _are_sound_and_plain(entities):
            return entities
        for i, entity in enumerate(entities):
            if not isinstance(entity, str) or not 0 < len(entity) <= _MAX_ENTITY or _CONTROL.search(entity):
                shown = repr(entity[:40]) if isinstance(entity, str) else repr(entity)[:40]
                raise DataError(
                    f"entities[{i}]: {shown} can be no entity; it is a text of 1 to {_MAX_ENTITY} characters, none for control"
                )
        return self._keys.quoted(entities)

    def _planned(self, features: tuple[str, ...], now: float) -> Query[_Plan]:
        found = yield from self._definitions(features)
        parts: dict[str, tuple[FeatureView, dict[str, int]]] = {}
        columns: dict[str, Column] = {}
        for text in features:
            for chosen in select_features([text], found):
                view, places = parts.setdefault(chosen.view.key, (chosen.view, {}))
                which = list(parts).index(view.key)
                for feature in chosen.features:
                    name = f"{text.rpartition(':')[0]}:{feature}"
                    columns[name] = Column(name, which, places.setdefault(feature, len(places)))
        plan = _Plan(
            tuple(self._part(view, tuple(places)) for view, places in parts.values()),
            tuple(columns.values()),
            now,
        )
        if len(self._plans) >= _REMEMBERED:
            self._plans.clear()
        self._plans[features] = plan
        return plan

    def _part(self, view: FeatureView, names: Sequence[str]) -> _Part:
        evaluator = BatchEvaluator(Evaluator(Layout(view), names), skip=LOG.start)
        return _Part(view, evaluator, self._keys.features(view.name, view.version, ""))

    def _definitions(self, features: Sequence[str]) -> Query[list[FeatureView]]:
        """Read the views that are named; all of them where one is not there, to tell which come nearest."""
        names = list(dict.fromkeys(match[0] for match in map(_NAME.match, features) if match and match[0]))
        found = yield from self._versions(names)
        if not all(found) or not names:
            return [one.view for one in (yield from self.views())]
        return [one.view for versions in found for one in versions]

    def _versions(self, names: Sequence[str]) -> Query[list[list[RegisteredView]]]:
        keys = [self._keys.view(name) for name in names]
        answers = yield [("HGETALL", key) for key in keys]
        return [parse_versions(key, answer) for key, answer in zip(keys, answers, strict=True)]

    def views(self) -> Query[list[RegisteredView]]:
        """Look all views up, each in all its versions; a damaged one is named in the log and passed over."""
        (names,) = yield [("SMEMBERS", self._keys.view_names)]
        keys = [self._keys.view(name) for name in sorted(name.decode(errors="replace") for name in names)]
        answers = yield [("HGETALL", key) for key in keys]
        return [one for key, answer in zip(keys, answers, strict=True) for one in sound_versions(key, answer)]

    def entities(self, view: str, limit: int) -> Query[list[tuple[str, float]]]:
        """Look up which entities of a view have the newest events, newest first, with the time of those.

        Raises
        ------
        UnknownFeatureError
            If there is no such view.
        """
        found = yield from self._definitions([view])
        one = select_features([f"{view}:*"], found)[0].view
        key = self._keys.view_entities(one.name, one.version)
        (answer,) = yield [("ZREVRANGE", key, 0, limit - 1, "WITHSCORES")]
        return sound_entities(_pairs(answer), key)

    def _read(self, plan: _Plan, quoted: Sequence[str], at: int) -> Query[list[Readings]]:
        keys = [part.begin + one for part in plan.parts for one in quoted]
        found: list[list[Readings]] = [[] for _ in plan.parts]
        for first in range(0, len(keys), _ROUND):
            asked = keys[first : first + _ROUND]
            commands = list(_commands(asked))
            answers = yield commands
            logs = [raw for answer in answers for raw in answer]
            step = _step(logs)
            for begin, end in _pieces(first, first + len(logs), len(quoted), step):
                part, some = begin // len(quoted), slice(begin - first, end - first)
                found[part].append(plan.parts[part].evaluator.read(logs[some], at, asked[some]))
                if end < len(keys):
                    yield []
        if not quoted:
            return [Readings.empty(0, len(part.evaluator.names)) for part in plan.parts]
        return [Readings.joined(some) for some in found]


def _are_sound_and_plain(entities: Sequence[str]) -> bool:
    """Look at all entities together, which most often is enough."""
    try:
        sizes = list(map(len, entities))
        return min(sizes, default=1) > 0 and max(sizes, default=1) <= _MAX_ENTITY and are_plain(entities)
    except TypeError:  # one is no text
        return False


def _step(logs: Sequence[bytes | None]) -> int:
    """Return how many logs are evaluated at a time."""
    size = sum(map(len, filter(None, logs)))
    return max(1, len(logs) * _BREATH // max(size, _BREATH))


def _pieces(begin: int, end: int, entities: int, step: int) -> Iterator[tuple[int, int]]:
    """Cut a range of logs, which begin anew with each view, into pieces of one view."""
    while begin < end:
        until = min(begin + step, end, (begin // entities + 1) * entities)
        yield begin, until
        begin = until


def _commands(keys: Sequence[str]) -> Iterator[Command]:
    for first in range(0, len(keys), _READ_AT_ONCE):
        yield ("MGET", *keys[first : first + _READ_AT_ONCE])


def _pairs(answer: Sequence[Any]) -> Iterator[tuple[bytes, float]]:
    """Tell members and scores apart; versions of the protocol send them as pairs or one after the other."""
    flat = [cell for one in answer for cell in (one if isinstance(one, list | tuple) else (one,))]
    return zip(flat[::2], map(float, flat[1::2]), strict=True)
