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
        """Sensor readings in."""
        return f"{self.prefix}sensor.readings"

    @property
    def sessions(self) -> str:
        """What entities did, in."""
        return f"{self.prefix}session.events"

    @property
    def images(self) -> str:
        """Features of images, in."""
        return f"{self.prefix}image.features"

    @property
    def predictions(self) -> str:
        """What models said, and what was true, in."""
        return f"{self.prefix}predictions"

    @property
    def control(self) -> str:
        """What is said to replays while they run."""
        return f"{self.prefix}replay.control"

    @property
    def triggers(self) -> str:
        """Reasons to train a model again, out."""
        return f"{self.prefix}retraining.triggers"

    @property
    def audit(self) -> str:
        """What was done about models and alerts, out."""
        return f"{self.prefix}audit.log"

    @property
    def dead_letters(self) -> str:
        """Events that could not be used."""
        return f"{self.prefix}dead.letters"

    def alerts(self, kind: str) -> str:
        """Alerts of a kind out; changepoints are told with the drifts."""
        return f"{self.prefix}alerts.{'drift' if kind == 'changepoint' else kind}"

    def all_alerts(self) -> tuple[str, ...]:
        """Topics of all kinds of alerts."""
        return tuple(self.alerts(kind) for kind in ("drift", "anomaly", "quality", "performance"))
