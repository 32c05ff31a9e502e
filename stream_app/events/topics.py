"""Names of the topics."""

from dataclasses import dataclass

__all__ = ["Topics"]


@dataclass(frozen=True, slots=True)
class Topics:
    """Names of all topics of one deployment.

    Parameters
    ----------
    prefix : str
        Name of the deployment, which stands before every topic's name; none of the default one.

    Examples
    --------
    >>> Topics().sensors, Topics("plant").alerts("drift")
    ('sensor.readings', 'plant.alerts.drift')
    """

    prefix: str = ""

    def named(self, name: str) -> str:
        """Return the topic of a name, such as ``meters``, in this deployment."""
        return f"{self.prefix}.{name}" if self.prefix else name

    @property
    def sensors(self) -> str:
        """Input topic of sensor readings."""
        return self.named("sensor.readings")

    @property
    def sessions(self) -> str:
        """Input topic of session events."""
        return self.named("session.events")

    @property
    def images(self) -> str:
        """Input topic of image features."""
        return self.named("image.features")

    @property
    def predictions(self) -> str:
        """Input topic of predictions and labels."""
        return self.named("predictions")

    @property
    def platform(self) -> str:
        """Input topic of metrics, completed queries and changes of data platforms."""
        return self.named("platform.events")

    @property
    def control(self) -> str:
        """Topic of control messages to running replays."""
        return self.named("replay.control")

    @property
    def triggers(self) -> str:
        """Output topic of retraining triggers."""
        return self.named("retraining.triggers")

    @property
    def audit(self) -> str:
        """Output topic of the audit log."""
        return self.named("audit.log")

    @property
    def dead_letters(self) -> str:
        """Output topic of dead letters."""
        return self.named("dead.letters")

    def alerts(self, kind: str) -> str:
        """Alerts of a kind; changepoints share the topic of drift."""
        return self.named(f"alerts.{'drift' if kind == 'changepoint' else kind}")

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
