"""The registry of feature views: which versions there are, and what each of them means.

Whoever writes a view registers it first, so that readers need no settings, and no definition changes silently.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from stream_app.core.features import FeatureView
from stream_app.errors import DataError, StateError, UnknownFeatureError
from stream_app.events import MAX_INSTANT
from stream_app.store.connection import Store

__all__ = ["RegisteredView", "ViewRegistry", "parse_versions", "sound_versions"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RegisteredView:
    """A view as it is registered.

    Parameters
    ----------
    view : FeatureView
        Its definition.
    registered_ts : float
        When it was registered last, in epoch seconds.
    """

    view: FeatureView
    registered_ts: float


class ViewRegistry:
    """Registers views and finds them.

    Parameters
    ----------
    store : Store
        Connection to Redis.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._register = store.function("register_view")

    async def register(self, view: FeatureView, *, now: float) -> None:
        """Make a view known; doing it again is the same as once.

        Parameters
        ----------
        view : FeatureView
            The view.
        now : float
            The time, in epoch seconds.

        Raises
        ------
        StateError
            If another definition is registered under the same name and version.
        StoreError
            If Redis cannot be reached or refuses.
        """
        fingerprint = view.fingerprint.hex()
        entry = {
            "definition": view.definition(),
            "fingerprint": fingerprint,
            "stream": view.stream,
            "registered_ts": now,
        }
        keys = self._store.keys
        async with self._store.errors(f"registering {view.key}"):
            stored = await self._register(
                keys=[keys.view_names, keys.view(view.name)],
                args=[view.name, f"v{view.version}", fingerprint, json.dumps(entry)],
            )
        if stored.decode() != fingerprint:
            raise StateError(
                f"the definition of {view.key} changed (its fingerprint was {stored.decode()}, it is {fingerprint}): "
                "give it a new version"
            )

    async def versions(self, name: str) -> list[RegisteredView]:
        """Return the registered versions of a view, the latest last; none where there is no such view.

        Raises
        ------
        StateError
            If an entry is damaged; it names the key.
        StoreError
            If Redis cannot be reached or refuses.
        """
        key = self._store.keys.view(name)
        async with self._store.errors("reading the feature views"):
            found = await self._store.client.hgetall(key)
        return parse_versions(key, found)

    async def all(self) -> list[RegisteredView]:
        """Return all registered versions of all views, by name and version; a damaged one is named in the log and passed over."""
        names = await self._names()
        keys = [self._store.keys.view(name) for name in names]
        async with (
            self._store.errors("reading the feature views"),
            self._store.client.pipeline(transaction=False) as pipe,
        ):
            for key in keys:
                pipe.hgetall(key)
            found = await pipe.execute()
        return [one for key, entries in zip(keys, found, strict=True) for one in sound_versions(key, entries)]

    async def _names(self) -> list[str]:
        async with self._store.errors("reading the feature views"):
            return sorted(
                name.decode(errors="replace")
                for name in await self._store.client.smembers(self._store.keys.view_names)
            )

    async def get(self, name: str) -> RegisteredView:
        """Find a view by ``name``, ``name:v2`` or ``name:latest``; without a version it is the latest.

        Raises
        ------
        UnknownFeatureError
            If there is no such view or version; it names those that there are.
        StateError
            If its entry is damaged.
        StoreError
            If Redis cannot be reached or refuses.
        """
        plain, _, version = name.partition(":")
        versions = await self.versions(plain)
        if not versions:
            known = await self._names()
            near = ", ".join(get_close_matches(plain, known, cutoff=0.0))
            raise UnknownFeatureError(
                f"there is no feature view {plain[:40]!r}; "
                + (
                    f"the nearest are {near}"
                    if near
                    else "there is none: a worker registers its views when it starts"
                )
            )
        if version in {"", "latest"}:
            return versions[-1]
        for one in versions:
            if f"v{one.view.version}" == version:
                return one
        there = ", ".join(f"v{one.view.version}" for one in versions)
        raise UnknownFeatureError(f"feature view {plain!r} has no version {version!r}; there is {there}")


def parse_versions(key: str, entries: Mapping[bytes, bytes]) -> list[RegisteredView]:
    """Return what the registered versions of a view say, the latest last.

    Raises
    ------
    StateError
        If an entry is damaged; it names the key. To pass it over could make an earlier version the latest.
    """
    found = [_parse_version(key, field, raw) for field, raw in entries.items()]
    return sorted(found, key=lambda one: one.view.version)


def sound_versions(key: str, entries: Mapping[bytes, bytes]) -> list[RegisteredView]:
    """Return the same for a list of what there is: a damaged entry is named in the log and passed over."""
    found = []
    for field, raw in entries.items():
        try:
            found.append(_parse_version(key, field, raw))
        except StateError as error:
            _log.warning("passed over: %s", error)
    return sorted(found, key=lambda one: one.view.version)


def _parse_version(key: str, field: bytes, raw: bytes) -> RegisteredView:
    try:
        entry = json.loads(raw)
        view = FeatureView.from_definition(entry["definition"])
        is_whole = view.fingerprint.hex() == entry["fingerprint"] and field.decode() == f"v{view.version}"
        registered = RegisteredView(view, float(entry["registered_ts"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, DataError) as error:
        raise StateError(f"{key}: the entry {field!r} is damaged: {error}") from error
    if not is_whole:
        raise StateError(f"{key}: the entry {field!r} is damaged: its definition is another one")
    if not 0 <= registered.registered_ts < MAX_INSTANT:
        raise StateError(f"{key}: the entry {field!r} is damaged: {registered.registered_ts:g} is no time")
    return registered
