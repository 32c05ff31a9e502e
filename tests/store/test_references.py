"""References in Redis: versions by content, who set which, bounds, and what is damaged or forged."""

import msgspec
import numpy as np
import pytest

from stream_app.core.reference import MOST_BYTES, ReferenceTable
from stream_app.errors import DataError, StateError
from stream_app.store import CalibrationStore, OutboxStore, ReferenceStore
from stream_app.store.references import MOST_VERSIONS

pytestmark = pytest.mark.integration

KEY = b"k" * 32


def table(seed=0, n=50):
    return ReferenceTable(
        np.arange(float(n)), ("flow",), np.random.default_rng(seed).normal(seed, size=(n, 1))
    )


async def put(references, seed, **more):
    said = {"by": "ann", "at": 10.0 + seed, "why": "new pump", "origin": "may.csv"}
    return await references.put("pumps", table(seed), **(said | more))


async def test_versions_are_listed_with_who_when_and_why_and_each_is_in_the_audit_log(store):
    references = ReferenceStore(store)
    first, second = await put(references, 0), await put(references, 1, by="bob", why="after the service")
    assert [(one.version, one.by, one.rows) for one in await references.versions("pumps")] == [
        (table(0).version, "ann", 50),
        (table(1).version, "bob", 50),
    ]
    assert (first.psi, second.before, second.psi["flow"] > 0.2) == ({}, first.version, True)
    back = await references.go_back("pumps", first.version[:5], by="ann", at=20.0, why="it was right")
    assert (back, (await references.active("pumps")).version) == (first, first.version)
    assert (await references.table("pumps", first.version)).values.tolist() == table(0).values.tolist()
    said = [
        (one.kind.value, one.by, one.subject, one.note) for one in await OutboxStore(store).deeds(count=9)
    ]
    assert said == [
        ("reference.set", "ann", first.version, "new pump"),
        ("reference.set", "bob", second.version, "after the service"),
        ("reference.set", "ann", first.version, "it was right"),
    ]


async def test_the_same_rows_are_the_same_version(store):
    references = ReferenceStore(store)
    first = await put(references, 0)
    assert await put(references, 0, at=99.0, by="bob") == first
    assert (await references.active("pumps")).by == "bob"
    assert len(await references.versions("pumps")) == 1


async def test_a_bounded_number_of_versions_is_kept_and_never_less_than_the_one_before(store):
    references = ReferenceStore(store)
    made = [await put(references, seed) for seed in range(MOST_VERSIONS + 3)]
    kept = [one.version for one in await references.versions("pumps")]
    assert kept == [one.version for one in made[3:]]
    assert await store.client.keys(f"{store.keys.references('pumps')}:*") != []
    assert len(await store.client.keys(f"{store.keys.references('pumps')}:*")) == MOST_VERSIONS


async def test_the_newest_rows_are_kept_where_there_is_no_room_for_all(store):
    n = MOST_BYTES // 16 + 100
    long = ReferenceTable(np.arange(float(n)), ("flow",), np.arange(float(n))[:, None])
    made = await ReferenceStore(store).put("pumps", long, by="ann", at=1.0)
    assert (made.rows, made.left_out, made.last) == (n - 100, 100, n - 1.0)
    assert await store.client.strlen(store.keys.reference("pumps", made.version)) < MOST_BYTES + 1000


@pytest.mark.parametrize("prefix", ["", "zz"])
async def test_going_back_to_what_is_not_there_is_refused(store, prefix):
    references = ReferenceStore(store)
    await put(references, 0)
    with pytest.raises(DataError, match=f"no reference of the version '{prefix}'"):
        await references.go_back("pumps", prefix, by="ann", at=1.0)


@pytest.mark.parametrize(("key", "message"), [(KEY, "signature"), (None, "the rows are those of")])
async def test_rows_of_another_version_in_its_place_are_named(store, key, message):
    references, keys = ReferenceStore(store, key), store.keys
    one, other = await put(references, 0), await put(references, 1)
    await store.client.copy(
        keys.reference("pumps", other.version), keys.reference("pumps", one.version), replace=True
    )
    with pytest.raises(StateError, match=message):
        await references.table("pumps", one.version)


async def test_rows_that_are_gone_are_named_and_mended_by_a_new_reference(store):
    references = ReferenceStore(store)
    one = await put(references, 0)
    await store.client.delete(store.keys.reference("pumps", one.version))
    with pytest.raises(
        StateError, match="not there any more; set one with `streamgauge reference set pumps FILE`"
    ):
        await references.go_back("pumps", one.version, by="ann", at=1.0)
    assert (await put(references, 1)).psi == {}


@pytest.mark.parametrize("entry", [b"{", b"[]", msgspec.json.encode({"version": "x", "by": 3})])
async def test_forged_entries_are_named(store, entry):
    references = ReferenceStore(store)
    key = store.keys.references("pumps")
    await store.client.hset(key, "active", entry)
    with pytest.raises(StateError, match=r"\[active\]: no entry of a reference"):
        await CalibrationStore(store).wanted("pumps")
    await store.client.hset(key, "0123", entry)
    with pytest.raises(StateError, match=r"\[0123\]: no entry"):
        await references.versions("pumps")


@pytest.mark.parametrize(
    ("field", "value"),
    [("x", "1"), ('["pumps","drift"]', "9"), ('["pumps","quality"]', "1"), ('["pumps","drift"]', "a")],
)
async def test_forged_raised_thresholds_are_named(store, field, value):
    await store.client.hset(store.keys.raised, field, value)
    with pytest.raises(StateError, match="incidents:raised"):
        await CalibrationStore(store).wanted("pumps")
