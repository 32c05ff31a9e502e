"""Triggers and audit records keep all they say on their way, and the same deed has the same id."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from stream_app.events import LogId
from stream_app.events.alert import Alert, alert_id
from stream_app.events.audit import AuditKind, AuditRecord
from stream_app.events.incident import AlertState, Severity
from stream_app.events.trigger import RetrainingTrigger, TriggerKind, TriggerReason, trigger_id

NUMBERS = st.floats(allow_nan=False)
NAMES = st.text(max_size=20)
REASONS = st.builds(
    TriggerReason,
    kind=st.sampled_from(TriggerKind),
    since=st.floats(0, 4e9),
    statistic=NUMBERS,
    threshold=NUMBERS,
    names=st.lists(NAMES, max_size=3).map(tuple),
    summary=NAMES,
)
OFFSETS = st.integers(0, 2**62)


@st.composite
def triggers(draw: st.DrawFn) -> RetrainingTrigger:
    return RetrainingTrigger.of(
        draw(NAMES),
        draw(NAMES),
        log=draw(st.builds(LogId, st.integers(0, 99), NAMES)),
        offset=draw(OFFSETS),
        ts=draw(st.floats(0, 4e9)),
        version=draw(NAMES),
        reasons=tuple(draw(st.lists(REASONS, min_size=1, max_size=3))),
        samples=draw(st.integers(0, 10**9)),
    )


def alert() -> Alert:
    return Alert(
        id=alert_id("models", "digits", "accuracy", "*", LogId(0), 7),
        stream="models",
        source="digits",
        kind="performance",
        detector="accuracy",
        channel="*",
        state=AlertState.FIRING,
        severity=Severity.WARNING,
        started_at=3.0,
        partition=0,
        offset=7,
        statistic=0.8,
        threshold=0.9,
        summary="accuracy fell",
    )


@given(trigger=triggers())
def test_triggers_and_their_audit_records_come_back_as_they_were(trigger: RetrainingTrigger) -> None:
    event = msgspec.json.decode(msgspec.json.encode(trigger.to_cloudevent()))
    assert RetrainingTrigger.from_cloudevent(event) == trigger
    record = AuditRecord.triggered(trigger)
    event = msgspec.json.decode(msgspec.json.encode(record.to_cloudevent()))
    assert AuditRecord.from_cloudevent(event) == record
    assert record.subject == trigger.id


def test_a_trigger_is_a_cloudevent() -> None:
    reason = TriggerReason(kind=TriggerKind.PSI, since=1.0, statistic=0.3, threshold=0.2, summary="PSI 0.3")
    trigger = RetrainingTrigger.of(
        "models", "digits", log=LogId(0), offset=1, ts=0.5, version="", reasons=(reason,)
    )
    event = trigger.to_cloudevent()
    assert (event["specversion"], event["source"], event["subject"], event["time"]) == (
        "1.0",
        "/streamgauge/models",
        "digits",
        "1970-01-01T00:00:00.500000Z",
    )
    assert trigger.summary == "retrain digits: PSI 0.3"


def test_a_trigger_without_a_reason_is_refused() -> None:
    with pytest.raises(ValidationError, match="reasons"):
        RetrainingTrigger.of("m", "d", log=LogId(0), offset=1, ts=0.0, version="", reasons=())


def test_ids_tell_events_apart_and_know_the_same_one_again() -> None:
    assert trigger_id("a", "b", LogId(0), 1) == trigger_id("a", "b", LogId(0), 1)
    assert (
        len(
            {
                trigger_id("a", "b", LogId(0), 1),
                trigger_id("ab", "", LogId(0), 1),
                trigger_id("a", "b", LogId(1), 0),
            }
        )
        == 3
    )
    seen = [
        AuditRecord.version_seen("m", "d", version, ts=0.0, log=LogId(0), offset=offset).id
        for version, offset in (("v1", 1), ("v1", 1), ("v2", 1), ("v1", 2))
    ]
    assert len(set(seen)) == 3
    kinds = (AuditKind.ACKNOWLEDGED, AuditKind.ACKNOWLEDGED, AuditKind.REAL)
    said = [AuditRecord.said(kind, alert().case, by="ann", note="a", at=9.0).id for kind in kinds]
    assert said[0] == said[1] != said[2]
    noted = [said_of("a").id, said_of("a").id, said_of("b").id]
    assert noted[0] == noted[1] != noted[2]


def said_of(note: str) -> AuditRecord:
    return AuditRecord.said(AuditKind.ACKNOWLEDGED, alert().case, by="ann", note=note, at=9.0)


def test_an_acknowledgement_names_the_incident_the_person_and_the_note() -> None:
    record = said_of("known")
    assert (record.subject, record.by, record.note, record.at) == (alert().id, "ann", "known", 9.0)
    assert record.source == "digits"
