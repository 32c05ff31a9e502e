"""By what the detectors of a stream judge beside its settings: a reference, and thresholds that verdicts of people raised."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from stream_app.core.alerting.feedback import MOST_HALVINGS, RAISABLE
from stream_app.core.reference import ReferenceTable
from stream_app.errors import StateError

__all__ = ["Calibration", "CalibrationName"]

_NONE = "-"


@dataclass(frozen=True, slots=True)
class CalibrationName:
    """What names a calibration where it is stored.

    Parameters
    ----------
    version : str
        Version of the reference; empty where sources learn from their events.
    raised : mapping of str to int
        Detector to how often the false alarms that it may raise are halved.

    Examples
    --------
    >>> str(CalibrationName("0123456789ab", {"drift": 2}))
    '0123456789ab drift=2'
    >>> CalibrationName.parse("- anomaly=1").raised
    {'anomaly': 1}
    """

    version: str = ""
    raised: Mapping[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return the text."""
        return " ".join(
            [self.version or _NONE, *(f"{name}={n}" for name, n in sorted(self.raised.items()) if n)]
        )

    @classmethod
    def parse(cls, text: str) -> "CalibrationName":
        """Read what `str` gives.

        Raises
        ------
        StateError
            If it is something else.
        """
        version, *rest = text.split(" ")
        raised: dict[str, int] = {}
        for part in rest:
            name, _, number = part.partition("=")
            if name not in RAISABLE or not number.isdecimal() or not 0 < int(number) <= MOST_HALVINGS:
                raise StateError(f"{text[:80]!r} names no calibration")
            raised[name] = int(number)
        if version != _NONE and not (version.isalnum() and len(version) <= 64):
            raise StateError(f"{text[:80]!r} names no calibration")
        return cls("" if version == _NONE else version, raised)


@dataclass(frozen=True, slots=True)
class Calibration:
    """A reference, and raised thresholds; see `CalibrationName`.

    Parameters
    ----------
    reference : ReferenceTable, optional
        Normal operation that each source begins with.
    raised : mapping of str to int
        Detector, of `RAISABLE`, to how often its part of the budget is halved: thresholds rise as they would under a smaller one.
    """

    reference: ReferenceTable | None = None
    raised: Mapping[str, int] = field(default_factory=dict)
