"""The checks that every detector passes, for authors of detectors."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from stream_app.core.registry import DetectorType, detector_type, type_of_class
from stream_app.errors import PluginError, StreamgaugeError
from stream_app.testing.detector_checks import CHECKS, Candidate, Failure

__all__ = ["DetectorReport", "check_detector", "examine_detector"]


@dataclass(frozen=True, slots=True)
class DetectorReport:
    """What came of the checks of a detector.

    Parameters
    ----------
    detector : str
        Its name.
    problems : dict of str to (str or None)
        Check to what is wrong, None where nothing is.
    """

    detector: str
    problems: dict[str, str | None]

    @property
    def failed(self) -> list[str]:
        """Names of the checks that failed."""
        return [check for check, problem in self.problems.items() if problem is not None]

    def __str__(self) -> str:
        head = f"detector {self.detector}: {len(self.failed)} of {len(self.problems)} checks failed"
        lines = [
            f"  {'ok    ' if problem is None else 'failed'} {check}{'' if problem is None else f': {problem}'}"
            for check, problem in self.problems.items()
        ]
        return "\n".join([head, *lines])


def check_detector(
    detector: str | type[Any] | DetectorType,
    parameters: Mapping[str, Any] | None = None,
    *,
    finds_changes: bool = True,
    max_kib: float | None = None,
) -> DetectorReport:
    """Check that a detector does what a worker relies on; takes about a second.

    Batch borders do not matter; a restored detector continues exactly; memory is bounded; missing, constant, infinite and
    huge values raise nothing; a large change is seen; and more: see the names in the report.

    Parameters
    ----------
    detector : str or type
        A class, or a name as in the settings (which imports the module of ``module:Class``).
    parameters : mapping, optional
        Arguments of its constructor, beside the channels.
    finds_changes : bool
        Whether it has to signal a change of the level by thirty standard deviations within 1,200 events.
    max_kib : float, optional
        Most memory of a packed state for 8 channels, KiB; by default what the class says as ``max_kib``, else 64.

    Raises
    ------
    PluginError
        If a check fails: the report, a line a check.

    Examples
    --------
    >>> check_detector("page_hinkley", {"threshold": 30.0}).failed
    []
    >>> class Silent:
    ...     def __init__(self, channels): self.events = 0
    ...     def update(self, ts, values):
    ...         self.events += len(ts)
    ...         return []
    ...     def state(self): return {}
    ...     @classmethod
    ...     def from_state(cls, state): return cls(())
    >>> check_detector(Silent)
    Traceback (most recent call last):
    stream_app.errors.PluginError: detector Silent: 2 of 11 checks failed
      ok     batch_borders_do_not_matter
    ...
    """
    report = examine_detector(detector, parameters, finds_changes=finds_changes, max_kib=max_kib)
    if report.failed:
        raise PluginError(str(report))
    return report


def examine_detector(
    detector: str | type[Any] | DetectorType,
    parameters: Mapping[str, Any] | None = None,
    *,
    finds_changes: bool = True,
    max_kib: float | None = None,
) -> DetectorReport:
    """Return the report of `check_detector`, whether or not a check failed."""
    known = _type(detector)
    known = replace(
        known,
        finds_changes=known.finds_changes and finds_changes,
        max_kib=known.max_kib if max_kib is None else max_kib,
    )
    candidate = Candidate(known, dict(parameters or {}))
    problems: dict[str, str | None] = {}
    for check in CHECKS:
        try:
            check(candidate)
            problems[check.__name__] = None
        except (Failure, StreamgaugeError) as error:
            problems[check.__name__] = str(error)
    return DetectorReport(known.name, problems)


def _type(detector: str | type[Any] | DetectorType) -> DetectorType:
    if isinstance(detector, DetectorType):
        return detector
    if isinstance(detector, str):
        return detector_type(detector)
    name = detector.__name__ if inspect.isclass(detector) else repr(detector)
    return type_of_class(detector, name=name, origin="")
