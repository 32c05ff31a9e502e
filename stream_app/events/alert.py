"""Alerts on the wire: CloudEvents 1.0, structured JSON."""

from typing import Any, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict

from stream_app.events.cloudevent import Enveloped, EpochSeconds
from stream_app.events.excerpt import Excerpt
from stream_app.events.identity import LogId, identity
from stream_app.events.incident import AlertState, Incident, Severity
from stream_app.events.trace import TraceContext

__all__ = ["Alert", "AlertCause", "Transition", "alert_id"]

Transition: TypeAlias = Literal["firing", "escalated", "resolved"]

_TYPE = "io.streamgauge.alert.v1"


def alert_id(stream: str, source: str, detector: str, channel: str, log: LogId, offset: int) -> str:
    """Identity of an alert: the same event fires the same alert, however often it is processed.

    Returns
    -------
    str
        32 hexadecimal digits.

    Examples
    --------
    >>> one, other = LogId(0, "ZsBjVgVsRyyGRMw_zDC3_g"), LogId(0, "XKnnuC0yQ8adrwYh08xuMA")
    >>> alert_id("sensors", "pump", "adwin", "flow", one, 41) == alert_id("sensors", "pump", "adwin", "flow", other, 41)
    False
    """
    return identity(stream, source, detector, channel, *log.parts(offset))


class AlertCause(BaseModel):
    """What is to blame for an alert, and how much.

    Parameters
    ----------
    kind : {'group', 'node', 'query class', 'service', 'change'}
        What `name` names.
    name : str
        The metric group, node, query class, service or change.
    share : float
        Its share among the causes of its kind, from 0 to 1.
    since : float
        When it began to deviate, epoch seconds of event time; of a change, when it was made.
    metric : str
        The series of it that deviates most; empty for a change.
    before, now : float or None
        Typical value of that series before and since; None where it is not known.
    """

    model_config = ConfigDict(frozen=True)

    kind: str
    name: str
    share: float
    since: EpochSeconds
    metric: str = ""
    before: float | None = None
    now: float | None = None


class Alert(Enveloped):
    """An alert, firing or resolved.

    Parameters
    ----------
    id : str
        See `alert_id`; the same for the beginning and the end.
    stream, source, kind, detector, channel
        What it is about. The channel ``*`` is the whole source.
    state : AlertState
        Firing or resolved.
    severity : Severity
        Severity of the alert.
    started_at, ended_at : float
        Event times in epoch seconds; `ended_at` is None while firing.
    escalated_at : float or None
        When its severity rose to critical; None where it began so, or has not.
    partition, offset, escalated_offset, end_offset : int
        The events that fired it, made it critical and resolved it.
    life : str
        Id of the topic that has the first of them, see `LogId`; empty where it has none.
    statistic, threshold : float
        Evidence at the beginning.
    summary : str
        One line for a person.
    contributions : tuple of (channel, share)
        Which channels were how much to blame, largest first.
    context : dict
        Figures that help to judge, such as means before and after.
    causes : tuple of AlertCause
        What is to blame, most first, where more than channels can be: of a platform, its nodes, metric groups, query classes,
        services and changes.
    explanation : str
        The causes in a paragraph for a person; empty where there are none.
    reference : str
        Version of the reference that it is told against; empty where the detector learned from the events.
    excerpt : Excerpt or None
        Values around the beginning, and of a resolved one before the end, where they are of one channel; see `Excerpt`.
    incident : Incident or None
        What it belongs to, as it stands after this beginning or end; None before that is known.
    trace : TraceContext or None
        The trace of the event that fired it, where its headers name one.

    Notes
    -----
    JSON has no infinity: figures that are not finite are the texts ``"Infinity"``, ``"-Infinity"``, ``"NaN"`` there.
    """

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="strings")

    id: str
    stream: str
    source: str
    kind: str
    detector: str
    channel: str
    state: AlertState
    severity: Severity
    started_at: EpochSeconds
    escalated_at: EpochSeconds | None = None
    ended_at: EpochSeconds | None = None
    partition: int
    offset: int
    escalated_offset: int | None = None
    end_offset: int | None = None
    life: str = ""
    statistic: float
    threshold: float
    summary: str
    contributions: tuple[tuple[str, float], ...] = ()
    context: dict[str, float] = {}  # noqa: RUF012 pydantic copies it
    causes: tuple[AlertCause, ...] = ()
    explanation: str = ""
    reference: str = ""
    excerpt: Excerpt | None = None
    incident: Incident | None = None
    trace: TraceContext | None = None

    @classmethod
    def begun(
        cls,
        stream: str,
        source: str,
        detector: str,
        log: LogId,
        offset: int,
        *,
        channel: str = "*",
        severity: Severity = Severity.WARNING,
        **more: Any,
    ) -> Self:
        """Return a new alert, which fires.

        Parameters
        ----------
        stream, source, detector, channel : str
            What it is about.
        log : LogId
            The log of the event that fires it.
        offset : int
            Of that event.
        severity : Severity
            A warning by default.
        **more
            The other fields that the event does not tell.

        Examples
        --------
        >>> alert = Alert.begun(
        ...     "sensors", "pump", "adwin", LogId(2), 41, channel="flow", kind="drift", started_at=9.0, statistic=4.0,
        ...     threshold=3.0, summary="flow: mean 1 → 2",
        ... )
        >>> alert.state.value, alert.id == alert_id("sensors", "pump", "adwin", "flow", LogId(2), 41)
        ('firing', True)
        """
        return cls(
            id=alert_id(stream, source, detector, channel, log, offset),
            stream=stream,
            source=source,
            detector=detector,
            channel=channel,
            state=AlertState.FIRING,
            severity=severity,
            # Where only `LogId.number` is known, that is the partition in the identity.
            partition=LogId.partition_of(log.partition),
            offset=offset,
            life=log.life,
            trace=log.trace(offset),
            **more,
        )

    @property
    def case(self) -> Incident:
        """Its incident; one of its own where nobody has said."""
        if self.incident is not None:
            return self.incident
        return Incident(
            id=self.id,
            stream=self.stream,
            source=self.source,
            state=self.state,
            severity=self.severity,
            started_at=self.started_at,
            changed_at=self.changed_at,
            alerts=1,
            firing=int(self.state is AlertState.FIRING),
            channels=self.contributions or ((self.channel, 1.0),),
            found_by=((self.detector, self.channel),),
            summary=self.summary,
            explanation=self.explanation,
            trace=self.trace,
        )

    @property
    def pages(self) -> bool:
        """Whether a person is told when it begins: all are but those of severity info."""
        return self.severity is not Severity.INFO

    @property
    def usual_band(self) -> tuple[float, float] | None:
        """Between which values the channel most to blame usually is; None where that is not known."""
        low, high = self.context.get("usual_low"), self.context.get("usual_high")
        return None if low is None or high is None else (low, high)

    @property
    def transition(self) -> Transition:
        """What has become of it, each at most once: it fires, its severity rises to critical, it resolves."""
        if self.state is AlertState.RESOLVED:
            return "resolved"
        return "firing" if self.escalated_at is None else "escalated"

    @property
    def begins(self) -> bool:
        """Whether this is its beginning."""
        return self.transition == "firing"

    @property
    def changed_at(self) -> float:
        """When it began or, if it has, escalated or ended."""
        return next(at for at in (self.ended_at, self.escalated_at, self.started_at) if at is not None)

    @property
    def changed_offset(self) -> int:
        """Offset of the event by which it changed; in a backtest offsets count the rows."""
        if self.ended_at is not None:
            return self.offset if self.end_offset is None else self.end_offset
        return self.offset if self.escalated_offset is None else self.escalated_offset

    def escalated(self, at: float, offset: int, **more: Any) -> Self:
        """Return this alert as critical from now on; for the parameters see `ended`."""
        rise = {"severity": Severity.CRITICAL, "escalated_at": at, "escalated_offset": offset}
        return self.model_copy(update=rise | more)

    def ended(self, at: float, offset: int | None = None, **more: Any) -> Self:
        """Return this alert as resolved.

        Parameters
        ----------
        at : float
            When, in epoch seconds.
        offset : int, optional
            The event by which it ends, where one does.
        **more
            What else is different at the end.
        """
        end = {"state": AlertState.RESOLVED, "ended_at": at, "end_offset": offset}
        return self.model_copy(update=end | more)

    def to_cloudevent(self) -> dict[str, Any]:
        """Return the CloudEvents 1.0 envelope; `id` differs between its transitions."""
        envelope = self.enveloped(
            _TYPE,
            id=f"{self.id}-{self.transition}",
            stream=self.stream,
            subject=self.source,
            at=self.changed_at,
        )
        return envelope if self.trace is None else envelope | self.trace.attributes()
