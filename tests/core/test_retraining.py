"""Triggers come for reasons that last, and not more often than wanted."""

import math
from dataclasses import asdict
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.core.model_versions import ModelVersions
from stream_app.core.retraining import Evidence, RetrainingConfig, RetrainingPolicy, Trigger
from stream_app.errors import DataError, SettingsError, StateError
from stream_app.events import LogId, RetrainingTrigger, TriggerReason
from stream_app.store.packing import pack_state, unpack_state

FEATURES = ("ink", "edges", "pc1", "noise", "range")
EVIDENCE = st.builds(
    Evidence,
    ts=st.floats(0, 500).map(round),
    version=st.sampled_from(["", "v1", "v2"]),
    samples=st.integers(0, 40),
    performance=st.just(0.7),
    limit=st.just(0.9),
    worse=st.booleans(),
    drifted=st.lists(st.sampled_from(FEATURES), unique=True).map(tuple),
    psi=st.lists(st.tuples(st.sampled_from(FEATURES), st.sampled_from([0.1, 0.2, 0.25, 0.5]))).map(tuple),
    concept_drift=st.sampled_from([(), (), (), ("adwin",), ("ddm", "adwin")]),
)
CONFIGS = st.builds(
    RetrainingConfig,
    drifted_features=st.sampled_from([None, 1, 3]),
    psi=st.sampled_from([None, 0.2]),
    new_samples=st.sampled_from([None, 50]),
    hold=st.sampled_from([0.0, 20.0]),
    cool_down=st.sampled_from([0.0, 50.0]),
)


def run(policy: RetrainingPolicy, all_evidence: list[Evidence]) -> list[Trigger]:
    return [trigger for evidence in all_evidence for trigger in policy.update(evidence)]


def kinds(trigger: Trigger) -> list[str]:
    return [reason.kind for reason in trigger.reasons]


def conditions(config: RetrainingConfig, evidence: Evidence) -> dict[str, bool]:
    """What an evidence says by itself."""
    return {
        "performance": evidence.worse,
        "features": config.drifted_features is not None and len(evidence.drifted) >= config.drifted_features,
        "psi": config.psi is not None and max([value for _, value in evidence.psi], default=0.0) > config.psi,
    }


def naive(config: RetrainingConfig, all_evidence: list[Evidence]) -> list[tuple[float, set[str], int]]:
    """The definition, from the whole history at each instant."""
    told: list[tuple[float, set[str], int]] = []
    begin = told_at = 0
    starts: list[float] = []
    versions: set[str] = set()
    times: list[float] = []
    for now_at, evidence in enumerate(all_evidence):
        now = max([*times, evidence.ts])
        times.append(now)
        if evidence.version and versions and evidence.version not in versions:
            begin = told_at = now_at
            starts.append(now)
        versions |= {evidence.version} - {""}
        fresh = all_evidence[told_at : now_at + 1]
        found = set()
        for kind in ("performance", "features", "psi"):
            since = now_at + 1
            while since > begin and conditions(config, all_evidence[since - 1])[kind]:
                since -= 1
            if since <= now_at and now - times[since] >= config.hold:
                found.add(kind)
        samples = sum(e.samples for e in fresh)
        if any(e.concept_drift for e in fresh):
            found.add("concept")
        if config.new_samples is not None and samples >= config.new_samples:
            found.add("samples")
        if found and all(now - start >= config.cool_down for start in starts):
            told.append((now, found, samples))
            starts.append(now)
            told_at = now_at + 1
    return told


@given(config=CONFIGS, history=st.lists(EVIDENCE, max_size=30))
def test_the_policy_does_what_its_definition_says(config: RetrainingConfig, history: list[Evidence]) -> None:
    told = run(RetrainingPolicy(config), history)
    assert [(t.ts, set(kinds(t)), t.samples) for t in told] == naive(config, history)
    for trigger in told:
        assert all(reason.since <= trigger.ts and reason.summary for reason in trigger.reasons)


@given(config=CONFIGS, history=st.lists(EVIDENCE, max_size=20), cut=st.integers(0, 20))
def test_a_restored_policy_goes_on_bit_for_bit(
    config: RetrainingConfig, history: list[Evidence], cut: int
) -> None:
    whole, first = RetrainingPolicy(config), RetrainingPolicy(config)
    expected = run(whole, history)
    told = run(first, history[:cut])
    second = RetrainingPolicy.from_state(unpack_state(pack_state(first.state()), "check"), config)
    assert told + run(second, history[cut:]) == expected
    assert pack_state(second.state()) == pack_state(whole.state())


@given(history=st.lists(EVIDENCE, max_size=30))
def test_triggers_keep_their_distance(history: list[Evidence]) -> None:
    told = run(RetrainingPolicy(RetrainingConfig(hold=0.0, cool_down=70.0)), history)
    assert all(later.ts - earlier.ts >= 70.0 for earlier, later in pairwise(told))


def test_each_reason_has_its_figures() -> None:
    policy = RetrainingPolicy(RetrainingConfig(hold=0.0, new_samples=100))
    (trigger,) = policy.update(
        Evidence(
            ts=5.0,
            version="v3",
            samples=1200,
            performance=0.71,
            limit=0.87,
            worse=True,
            drifted=("ink", "pc1", "edges"),
            psi=(("ink", 0.31), ("pc1", 0.7), ("edges", 0.2)),
            concept_drift=("adwin",),
        )
    )
    assert trigger.version == "v3"
    assert [(r.kind, r.statistic, r.threshold, r.names, r.summary) for r in trigger.reasons] == [
        ("performance", 0.71, 0.87, (), "accuracy 0.71, below 0.87"),
        ("features", 3.0, 3.0, ("edges", "ink", "pc1"), "3 features in drift (edges, ink, pc1)"),
        ("psi", 0.7, 0.2, ("pc1", "ink"), "PSI of pc1 0.7 and 1 more, above 0.2"),
        ("concept", 1.0, 1.0, ("adwin",), "concept drift (adwin)"),
        ("samples", 1200.0, 100.0, (), "1,200 new labelled samples"),
    ]
    reasons = tuple(TriggerReason(**asdict(reason)) for reason in trigger.reasons)
    wired = RetrainingTrigger.of(
        "m", "digits", log=LogId(0), offset=3, ts=5.0, version="v3", reasons=reasons, samples=trigger.samples
    )
    assert "1,200 new labelled samples" in wired.summary


def test_what_flickers_is_not_told() -> None:
    policy = RetrainingPolicy(RetrainingConfig(hold=60.0))
    flicker = [Evidence(ts=30.0 * i, psi=(("ink", 0.5 if i % 2 else 0.05),)) for i in range(40)]
    assert run(policy, flicker) == []


def test_a_change_found_while_it_is_quiet_is_told_afterwards() -> None:
    policy = RetrainingPolicy(RetrainingConfig(hold=0.0, cool_down=100.0))
    told = run(
        policy,
        [
            Evidence(ts=0.0, worse=True),
            Evidence(ts=10.0, concept_drift=("adwin",)),
            Evidence(ts=99.0),
            Evidence(ts=100.0),
            Evidence(ts=300.0),
        ],
    )
    assert [(t.ts, kinds(t), t.reasons[0].since) for t in told] == [
        (0.0, ["performance"], 0.0),
        (100.0, ["concept"], 10.0),
    ]


def test_a_new_version_starts_the_count_again_and_taking_turns_does_not() -> None:
    config = RetrainingConfig(new_samples=100, cool_down=10.0)
    policy = RetrainingPolicy(config)
    assert run(policy, [Evidence(ts=0.0, version="v1", samples=90)]) == []
    assert run(policy, [Evidence(ts=20.0, version="v2", samples=90)]) == []
    (told,) = run(policy, [Evidence(ts=40.0, version="v1", samples=10), Evidence(ts=41.0, version="v2")])
    assert (told.ts, told.samples, told.version) == (40.0, 100, "v2")


def test_nothing_is_told_of_a_model_that_is_well() -> None:
    policy = RetrainingPolicy()
    calm = [Evidence(ts=60.0 * i, samples=500, performance=0.95, limit=0.9) for i in range(1000)]
    assert run(policy, calm) == []


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("drifted_features", 0),
        ("new_samples", 0),
        ("psi", 0.0),
        ("psi", math.nan),
        ("hold", -1.0),
        ("cool_down", math.inf),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(setting: str, value: float) -> None:
    with pytest.raises(SettingsError, match=setting):
        RetrainingConfig(**{setting: value})


@pytest.mark.parametrize("evidence", [Evidence(ts=math.nan), Evidence(ts=0.0, samples=-1)])
def test_evidence_that_makes_no_sense_is_refused(evidence: Evidence) -> None:
    with pytest.raises(DataError):
        RetrainingPolicy().update(evidence)


def test_a_foreign_or_damaged_state_is_refused() -> None:
    state = RetrainingPolicy().state()
    for damaged in (state | {"version": 99}, {"version": state["version"]}, state | {"since": 3}):
        with pytest.raises(StateError):
            RetrainingPolicy.from_state(damaged)
    with pytest.raises(StateError):
        ModelVersions.from_state({"version": 1})


def test_versions_are_new_once_and_bounded_in_number() -> None:
    versions = ModelVersions(limit=3)
    assert [versions.see(v, float(ts)) for ts, v in enumerate("abcadab")] == [
        True, True, True, False, True, False, True,
    ]  # fmt: skip
    assert versions.times == {"d": 4.0, "a": 5.0, "b": 6.0}
    assert (
        ModelVersions.from_state(unpack_state(pack_state(versions.state()), "check")).state()
        == versions.state()
    )
