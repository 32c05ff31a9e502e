"""References of streams: versions by their content, which one a stream has, and who set it when and why."""

import logging
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from stream_app.core.reference import ReferenceTable, reference_psi
from stream_app.errors import DataError, StateError
from stream_app.events import MAX_INSTANT, MONITOR, AuditRecord
from stream_app.store.connection import Store
from stream_app.store.packing import pack_state, unpack_state

__all__ = ["ActiveReference", "ReferenceStore", "ReferenceVersion"]

_log = logging.getLogger(__name__)

_ACTIVE = "active"

MOST_VERSIONS = 8
"""Versions of a stream that are kept with their rows: 32 MiB of Redis at most."""

_Instant = Annotated[float, msgspec.Meta(ge=0, lt=MAX_INSTANT)]


class ReferenceVersion(msgspec.Struct, frozen=True):
    """What is known of a version without its rows.

    Parameters
    ----------
    version : str
        Id of its content.
    by, why, origin : str
        Who made it, why, and of what: a file, or the topic with the time range.
    at : float
        When, epoch seconds.
    rows : int
        Rows that are kept.
    left_out : int
        Older rows of the origin that there was no room for.
    first, last : float
        Times of its first and last row.
    figures : dict
        Of each channel of numbers: values, mean, std, min, max.
    before : str
        The version that the stream had; empty where it had none.
    psi : dict of str to float
        Stability index of each channel against that one.
    """

    version: str
    by: str
    why: str
    origin: str
    at: _Instant
    rows: int
    left_out: int
    first: float
    last: float
    figures: dict[str, dict[str, float]]
    before: str = ""
    psi: dict[str, float] = {}


class ActiveReference(msgspec.Struct, frozen=True):
    """Which version a stream has.

    Parameters
    ----------
    version : str
        The version.
    by, why : str
        Who set it, and why.
    at : float
        When, epoch seconds.
    from_settings : bool
        Whether a worker took it from the file of the settings; what a person sets comes before that.
    """

    version: str
    by: str
    why: str
    at: _Instant
    from_settings: bool = False


@dataclass(frozen=True, slots=True)
class ReferenceStore:
    """Reads and writes the references of streams.

    Parameters
    ----------
    store : Store
        Connection to Redis.
    key : bytes, optional
        Signs the rows.
    """

    store: Store
    key: bytes | None = None

    async def put(
        self,
        stream: str,
        table: ReferenceTable,
        *,
        by: str,
        at: float,
        why: str = "",
        origin: str = "",
        from_settings: bool = False,
    ) -> ReferenceVersion:
        """Keep a reference and let a stream have it; the newest rows of it that there is room for.

        Parameters
        ----------
        stream : str
            Name of the stream.
        table : ReferenceTable
            Normal operation.
        by, at, why : str, float, str
            Who, when (epoch seconds), and why; in the audit log, too.
        origin : str
            Of what it was made.
        from_settings : bool
            See `ActiveReference`.

        Returns
        -------
        ReferenceVersion
            What is known of it; that of before where the same rows are kept already.

        Raises
        ------
        StateError
            If what is stored is damaged.
        StoreError
            If Redis cannot be reached or refuses.
        """
        kept = table.newest()
        known = {one.version: one for one in await self.versions(stream)}
        active = await self.active(stream)
        made = known.get(kept.version)
        blob = None
        if made is None:
            before = None if active is None or active.version not in known else active.version
            psi = {} if before is None else await self._differences(stream, before, kept)
            made = ReferenceVersion(
                kept.version, by, why, origin, at, len(kept), len(table) - len(kept), float(kept.ts[0]),
                float(kept.ts[-1]), kept.figures(), before or "", psi,
            )  # fmt: skip
            name = self.store.keys.reference(stream, kept.version)
            blob = pack_state(kept.state(), key=self.key, bound_to=name)
        said = ActiveReference(made.version, by, why, at, from_settings)
        await self._activate(stream, said, made, blob, drop=self._surplus(known, made.version, active))
        return made

    async def _differences(self, stream: str, before: str, after: ReferenceTable) -> dict[str, float]:
        try:
            return reference_psi(await self.table(stream, before), after)
        except StateError as error:
            # A new one is how that is mended.
            _log.warning("the new reference is compared with none: %s", error)
            return {}

    async def go_back(
        self, stream: str, version: str, *, by: str, at: float, why: str = ""
    ) -> ReferenceVersion:
        """Let a stream have a version that is kept; `version` may be its first characters.

        Raises
        ------
        DataError
            If there is none, or more than one, that begins so.
        """
        found = [one for one in await self.versions(stream) if one.version.startswith(version)]
        if len(found) != 1 or not version:
            raise DataError(
                f"{stream} has no reference of the version {version!r}, or more than one; "
                f"`streamgauge reference show {stream}` lists them"
            )
        # Rows that are gone or damaged would stop whoever wants to judge by them.
        await self.table(stream, found[0].version)
        await self._activate(stream, ActiveReference(found[0].version, by, why, at), found[0], None)
        return found[0]

    async def follow_settings(
        self, stream: str, table: ReferenceTable | None, *, origin: str, at: float
    ) -> ActiveReference | None:
        """Take that the settings name a file for a stream, or none; what a person has set stays.

        Returns
        -------
        ActiveReference or None
            What the stream has now.
        """
        active = await self.active(stream)
        if active is not None and not active.from_settings:
            return active
        if table is None:
            if active is not None:
                await self._drop(stream, at)
            return None
        if active is None or active.version != table.newest().version:
            why = "reference of the settings"
            await self.put(stream, table, by=MONITOR, at=at, why=why, origin=origin, from_settings=True)
        return await self.active(stream)

    @staticmethod
    def _surplus(known: dict[str, ReferenceVersion], new: str, active: ActiveReference | None) -> list[str]:
        """Return the oldest versions that there is no place for beside a new one; partitions may use the active one still."""
        in_use = {new} if active is None else {new, active.version}
        old = [version for version in known if version not in in_use]
        return old[: max(len({*known, new}) - MOST_VERSIONS, 0)]

    async def _activate(
        self,
        stream: str,
        said: ActiveReference,
        made: ReferenceVersion,
        blob: bytes | None,
        drop: list[str] | None = None,
    ) -> None:
        keys, drop = self.store.keys, drop or []
        record = AuditRecord.reference_set(
            stream,
            said.version,
            by=said.by,
            at=said.at,
            summary=f"{stream} has the reference {said.version}, {made.rows} rows of {made.origin or 'unknown origin'}",
            note=said.why,
        )
        async with (
            self.store.errors("writing a reference"),
            self.store.client.pipeline(transaction=True) as pipe,
        ):
            if blob is not None:
                pipe.set(keys.reference(stream, made.version), blob)
                pipe.hset(keys.references(stream), made.version, msgspec.json.encode(made))
            pipe.hset(keys.references(stream), _ACTIVE, msgspec.json.encode(said))
            for version in drop:
                pipe.hdel(keys.references(stream), version)
                pipe.delete(keys.reference(stream, version))
            pipe.rpush(keys.deeds, record.model_dump_json())
            await pipe.execute()

    async def _drop(self, stream: str, at: float) -> None:
        keys = self.store.keys
        summary = f"{stream} has no reference any more: the settings name none"
        record = AuditRecord.reference_set(stream, "", by=MONITOR, at=at, summary=summary)
        async with (
            self.store.errors("writing a reference"),
            self.store.client.pipeline(transaction=True) as pipe,
        ):
            pipe.hdel(keys.references(stream), _ACTIVE)
            pipe.rpush(keys.deeds, record.model_dump_json())
            await pipe.execute()

    async def active(self, stream: str) -> ActiveReference | None:
        """Return which version a stream has; None where it has none.

        Raises
        ------
        StateError
            If the entry is damaged; it names the key.
        """
        key = self.store.keys.references(stream)
        async with self.store.errors("reading a reference"):
            raw = await self.store.client.hget(key, _ACTIVE)
        return None if raw is None else _decoded(raw, ActiveReference, f"{key}[{_ACTIVE}]")

    async def versions(self, stream: str) -> list[ReferenceVersion]:
        """Return the versions of a stream that are kept, the oldest first.

        Raises
        ------
        StateError
            If an entry is damaged; it names the key.
        """
        key = self.store.keys.references(stream)
        async with self.store.errors("reading references"):
            found = await self.store.client.hgetall(key)
        made = [
            _decoded(raw, ReferenceVersion, f"{key}[{field.decode(errors='replace')}]")
            for field, raw in found.items()
            if field != _ACTIVE.encode()
        ]
        return sorted(made, key=lambda one: (one.at, one.version))

    async def table(self, stream: str, version: str) -> ReferenceTable:
        """Return the rows of a version.

        Raises
        ------
        StateError
            If they are not there any more, damaged, forged, or not those of this version.
        """
        key = self.store.keys.reference(stream, version)
        async with self.store.errors("reading a reference"):
            blob = await self.store.client.get(key)
        again = f"set one with `streamgauge reference set {stream} FILE`, or an older with --version"
        if blob is None:
            raise StateError(f"{key}: the reference {version} of {stream} is not there any more; {again}")
        table = ReferenceTable.from_state(unpack_state(blob, key, key=self.key, bound_to=key))
        if table.version != version:
            raise StateError(
                f"{key}: the rows are those of {table.version}, not of {version}; has something else written to it? {again}"
            )
        return table


def _decoded(raw: bytes, kind: Any, where: str) -> Any:
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise StateError(
            f"{where}: no entry of a reference: {error}; has something else written to it?"
        ) from error
