"""Retraining triggers on the wire: CloudEvents 1.0, structured JSON."""

from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from stream_app.events.cloudevent import Enveloped, EpochSeconds
from stream_app.events.identity import LogId, identity

__all__ = ["RetrainingTrigger", "TriggerKind", "TriggerReason", "trigger_id"]

_TYPE = "io.streamgauge.retraining.trigger.v1"


class TriggerKind(StrEnum):
    """Kind of a reason to retrain."""

    PERFORMANCE = "performance"
    FEATURES = "features"
    PSI = "psi"
    CONCEPT = "concept"
    SAMPLES = "samples"


def trigger_id(stream: str, source: str, log: LogId, offset: int) -> str:
    """Identity of a trigger: the same event gives the same trigger, however often it is processed.

    Returns
    -------
    str
        32 hexadecimal digits.

    Examples
    --------
    >>> trigger_id("models", "digits", LogId(0), 41) == trigger_id("models", "digits", LogId(0), 41)
    True
    """
    return identity("retraining", stream, source, *log.parts(offset))


class TriggerReason(BaseModel):
    """One reason among those of a trigger.

    Parameters
    ----------
    kind : TriggerKind
        What it is about.
    since : float
        Event time in epoch seconds from which it has held.
    statistic, threshold : float
        The figure, and what it had to pass.
    names : tuple of str
        Features or detectors that speak for it, the worst first.
    summary : str
        A few words for a person.
    """

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="strings")

    kind: TriggerKind
    since: EpochSeconds
    statistic: float
    threshold: float
    names: tuple[str, ...] = ()
    summary: str


class RetrainingTrigger(Enveloped):
    """Reasons to retrain a model, at one instant.

    Parameters
    ----------
    id : str
        Identity of the trigger, from `trigger_id`.
    stream, source : str
        The stream, and the model in it.
    version : str
        Version of the model that was in use; empty where events name none.
    ts : float
        Event time in epoch seconds.
    partition, offset : int
        The event that triggered it.
    reasons : tuple of TriggerReason
        At least one.
    samples : int
        Labelled predictions since the version came into use or the last trigger.
    summary : str
        One line for a person.

    Examples
    --------
    >>> reason = TriggerReason(kind="psi", since=1.0, statistic=0.31, threshold=0.2, names=("ink",), summary="ink: PSI 0.31")
    >>> trigger = RetrainingTrigger.of("models", "digits", log=LogId(0), offset=41, ts=2.0, version="v1", reasons=(reason,))
    >>> trigger.summary
    'retrain digits v1: ink: PSI 0.31'
    >>> RetrainingTrigger.from_cloudevent(trigger.to_cloudevent()) == trigger
    True
    """

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="strings")

    id: str
    stream: str
    source: str
    version: str = ""
    ts: EpochSeconds
    partition: int
    offset: int
    reasons: tuple[TriggerReason, ...] = Field(min_length=1)
    samples: int = 0
    summary: str

    @classmethod
    def of(
        cls,
        stream: str,
        source: str,
        *,
        log: LogId,
        offset: int,
        ts: float,
        version: str,
        reasons: tuple[TriggerReason, ...],
        samples: int = 0,
    ) -> Self:
        """Make a trigger with its id and summary."""
        name = f"{source} {version}" if version else source
        return cls(
            id=trigger_id(stream, source, log, offset),
            stream=stream,
            source=source,
            version=version,
            ts=ts,
            partition=log.partition,
            offset=offset,
            reasons=reasons,
            samples=samples,
            summary=f"retrain {name}: {'; '.join(reason.summary for reason in reasons)}",
        )

    def to_cloudevent(self) -> dict[str, Any]:
        """Return the CloudEvents 1.0 envelope."""
        return self.enveloped(_TYPE, id=self.id, stream=self.stream, subject=self.source, at=self.ts)
