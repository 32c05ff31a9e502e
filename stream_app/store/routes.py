"""What a route has to tell, has told and is telling, in Redis: so that a notifier may die at any moment.

An alert puts its incident into a group of the route. When the group is due, one script writes down what is told of each incident
together with the message that tells it. The message stays until it has arrived, under the same key, and only then comes the next.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
from pydantic import ValidationError

from stream_app.events import Incident
from stream_app.store.connection import Store
from stream_app.store.lease import Lease

__all__ = ["GroupRead", "Member", "RouteStore", "Told", "revision"]

_log = logging.getLogger(__name__)

_KEPT_SECONDS = 31 * 86_400
"""Longer than Redis keeps incidents after their end."""

_GROUPS_AT_ONCE = 100
_COUNT = b"count"


def revision(incident: Incident) -> tuple[float, int, int, int]:
    """Return what grows with each transition of an incident.

    Notes
    -----
    A beginning raises the number of alerts, an end lowers the number of those that fire, an escalation raises the severity and
    leaves both; none turns the time back.
    """
    return incident.changed_at, incident.alerts, -incident.firing, incident.severity.rank


class Told(msgspec.Struct, frozen=True):
    """What a route told last of an incident.

    Parameters
    ----------
    state : {"firing", "resolved"}
        How it stood.
    severity : str
        The worst that was told.
    alerts : int
        Its alerts until then.
    at : float
        When it was told, in epoch seconds.
    count : int
        How often it has been told.
    """

    state: Literal["firing", "resolved"]
    severity: Literal["info", "warning", "critical"]
    alerts: Annotated[int, msgspec.Meta(ge=0)]
    at: float
    count: Annotated[int, msgspec.Meta(ge=0)]


@dataclass(frozen=True, slots=True)
class GroupRead:
    """What a group has, by name; there may be very many.

    Parameters
    ----------
    count : str
        What came for it so far.
    kinds : dict of str to frozenset of str
        Its incidents by id, each with the kinds of its alerts.
    """

    count: str
    kinds: dict[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Member:
    """An incident of a group.

    Parameters
    ----------
    incident : Incident
        How it stood when the newest alert came.
    told : Told or None
        What was told of it.
    """

    incident: Incident
    told: Told | None


class RouteStore:
    """Keeps what a route tells. A store that is away or refuses is a `StoreError`.

    Parameters
    ----------
    store : Store
        Connection to Redis.
    route : str
        Name of the route.
    who : str
        Name of the notifier, unlike that of all others.
    """

    def __init__(self, store: Store, route: str, who: str) -> None:
        self._store, self._route, self._who = store, route, who
        self._lease = Lease(store, store.keys.route_lease(route), who, "taking a route")
        self._tell = store.function("tell_group")
        self._sent = store.function("message_sent")

    async def note(self, group: str, kind: str, incident: Incident, due: float) -> None:
        """Put an incident into a group, which is looked at then at the latest; doing so again changes little.

        Parameters
        ----------
        group : str
            Name of the group.
        kind : str
            Kind of the alert that told of it.
        incident : Incident
            As the alert has it.
        due : float
            In epoch seconds.
        """
        keys, client = self._store.keys, self._store.client
        key, due_key = keys.route_group(self._route, group), keys.route_due(self._route)
        async with (
            self._store.errors("noting an alert for a route"),
            client.pipeline(transaction=True) as pipe,
        ):
            pipe.hset(key, f"{kind} {incident.id}", incident.model_dump_json())
            pipe.hincrby(key, _COUNT, 1)
            pipe.expire(key, _KEPT_SECONDS)
            pipe.zadd(due_key, {group: due}, lt=True)
            pipe.expire(due_key, _KEPT_SECONDS)
            await pipe.execute()

    async def lease(self, seconds: float) -> bool:
        """Take the route, or keep it; returns whether it is this notifier's now."""
        return await self._lease.take(seconds)

    async def release(self) -> None:
        """Leave the route to others at once."""
        await self._lease.release()

    async def message(self) -> bytes | None:
        """Return the message that is on its way."""
        async with self._store.errors("reading a route's message"):
            found = await self._store.client.mget(self._store.keys.route_message(self._route))
        return found[0] if found else None

    async def waiting(self, now: float) -> int:
        """Return how many groups are due."""
        async with self._store.errors("counting a route's groups"):
            return int(await self._store.client.zcount(self._store.keys.route_due(self._route), "-inf", now))

    async def due(self, now: float) -> list[str]:
        """Return the first groups that are due, those first that have been for longest."""
        async with self._store.errors("reading a route's groups"):
            found = await self._store.client.zrange(
                self._store.keys.route_due(self._route),
                "-inf",
                now,
                byscore=True,
                offset=0,
                num=_GROUPS_AT_ONCE,
            )
        return [group.decode(errors="replace") for group in found]

    async def read(self, group: str) -> GroupRead:
        """Read what a group has, but not how it stands; see `members`."""
        client, key = self._store.client, self._store.keys.route_group(self._route, group)
        async with self._store.errors("reading a route's group"):
            # First, so that what comes after it makes the group due again.
            count = await client.hget(key, _COUNT)
            fields = await client.hkeys(key)
        kinds: dict[str, frozenset[str]] = {}
        sets: dict[frozenset[str], frozenset[str]] = {}
        for field in fields:
            kind, _, incident_id = field.decode(errors="replace").partition(" ")
            if incident_id:
                found = kinds.get(incident_id, frozenset()) | {kind}
                kinds[incident_id] = sets.setdefault(found, found)
        return GroupRead((count or b"").decode(errors="replace"), kinds)

    async def members(self, group: str, read: GroupRead, ids: Sequence[str]) -> dict[str, Member]:
        """Read some incidents of a group, by id; an entry that is no incident is named in the log and passed over."""
        key = self._store.keys.route_group(self._route, group)
        fields = [f"{kind} {one}" for one in ids for kind in sorted(read.kinds[one])]
        async with self._store.errors("reading a route's group"):
            raws = await self._store.client.hmget(key, fields) if fields else []
        incidents: dict[str, Incident] = {}
        for field, raw in zip(fields, raws, strict=True):
            if raw is None:
                continue
            try:
                incident = Incident.model_validate_json(raw)
            except ValidationError:
                _log.warning("%s: the field %r is no incident, and is passed over", key, field)
                continue
            incident_id = field.partition(" ")[2]
            known = incidents.get(incident_id)
            if known is None or revision(known) < revision(incident):
                incidents[incident_id] = incident
        told = await self.told(list(incidents))
        return {one: Member(incident, told.get(one)) for one, incident in incidents.items()}

    async def told(self, ids: Sequence[str]) -> dict[str, Told]:
        """Return what was told of some incidents, by id; what is something else is named in the log, and counts as nothing."""
        keys = [self._store.keys.route_told(self._route, one) for one in ids]
        async with self._store.errors("reading what a route told"):
            raws = await self._store.client.mget(keys) if keys else []
        found = {}
        for one, key, raw in zip(ids, keys, raws, strict=True):
            if raw is None:
                continue
            try:
                found[one] = msgspec.json.decode(raw, type=Told)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                _log.warning("%s is not what a route told, and counts as nothing: %s", key, error)
        return found

    async def tell(
        self,
        group: str,
        read: GroupRead,
        told: Mapping[str, Told],
        message: bytes,
        *,
        over: Sequence[str],
        look_at: float | None,
        soon: float,
    ) -> bool:
        """Write down what is told of a group, with the message that tells it.

        Parameters
        ----------
        group : str
            Name of the group.
        read : GroupRead
            As it was read.
        told : mapping of str to Told
            What is told, by incident.
        message : bytes
            What is sent; empty where nothing is.
        over : sequence of str
            Incidents of which nothing more is to be told, unless more comes.
        look_at : float or None
            When the group is due again, None where it is over.
        soon : float
            When it is due if more came since it was read.

        Returns
        -------
        bool
            Whether it was done; else the route is another notifier's, or a message is on its way.
        """
        keys, route = self._store.keys, self._route
        fields = [f"{kind} {one}" for one in over for kind in sorted(read.kinds[one])]
        async with self._store.errors("writing down what a route tells"):
            done = await self._tell(
                keys=[
                    keys.route_lease(route),
                    keys.route_message(route),
                    keys.route_group(route, group),
                    keys.route_due(route),
                    *(keys.route_told(route, one) for one in told),
                ],
                args=[
                    self._who,
                    group,
                    read.count,
                    "" if look_at is None else look_at,
                    soon,
                    message,
                    _KEPT_SECONDS,
                    len(fields),
                    *fields,
                    *map(msgspec.json.encode, told.values()),
                ],
            )
        return bool(done == 1)

    async def sent(self, message: bytes) -> bool:
        """Let a message go that has arrived; returns whether it was still this notifier's."""
        keys = self._store.keys
        async with self._store.errors("noting that a message arrived"):
            gone = await self._sent(
                keys=[keys.route_lease(self._route), keys.route_message(self._route)],
                args=[self._who, message],
            )
        return bool(gone == 1)
