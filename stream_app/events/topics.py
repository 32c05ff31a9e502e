"""Names of the topics."""

from dataclasses import dataclass

__all__ = ["Topics"]


@dataclass(frozen=True, slots=True)
class Topics:
    """Names of all topics under one prefix.

    Examples
    --------
    >>> Topics().sensors, Topics("plant.").alerts("drift")
    ('sensor.readings', 'plant.alerts.drift')
    """

    prefix: str = ""

    @property
    def sensors(self) -> str:
        """Input topic of sensor readings."""
        return f"{self.prefix}sensor.readings"

    @property
    def sessions(self) -> str:
        """Input topic of session events."""
        return f"{self.prefix}session.events"

    @property
    def images(self) -> str:
        """Input topic of image features."""
        return f"{self.prefix}image.features"

    @property
    def predictions(self) -> str:
        """Input topic of predictions and labels."""
        return f"{self.prefix}predictions"

    @property
    def control(self) -> str:
        """Topic of control messages to running replays."""
        return f"{self.prefix}replay.control"

    @property
    def triggers(self) -> str:
        """Output topic of retraining triggers."""
        return f"{self.prefix}retraining.triggers"

    @property
    def audit(self) -> str:
        """Output topic of the audit log."""
        return f"{self.prefix}audit.log"

    @property
    def dead_letters(self) -> str:
        """Output topic of dead letters."""
        return f"{self.prefix}dead.letters"

    def alerts(self, kind: str) -> str:
        """Alerts of a kind; changepoints share the topic of drift."""
        return f"{self.prefix}alerts.{'drift' if kind == 'changepoint' else kind}"

    def outputs(self) -> tuple[str, ...]:
        """Topics that Streamgauge writes and no stream reads.

        Examples
        --------
        >>> "dead.letters" in Topics().outputs()
        True
        """
        return (*self.all_alerts(), self.dead_letters, self.triggers, self.audit, self.control)

    def all_alerts(self) -> tuple[str, ...]:
        """Topics of all kinds of alerts."""
        return tuple(self.alerts(kind) for kind in ("drift", "anomaly", "quality", "performance"))
