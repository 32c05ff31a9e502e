"""All detectors by name: found, built, restored and described in one place.

A name is one of ours (`ks`, `drift`), one of River's (`adwin`, ``river.drift.ADWIN``), an entry point of the group
``streamgauge.detectors``, or ``module:Class``. A detector is imported when it is first built.
"""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from stream_app.core.arrays import FloatArray
from stream_app.core.class_detector import ClassDetector, detector_class
from stream_app.core.river_adapter.catalogue import SHORT_NAMES
from stream_app.errors import DataError
from stream_app.plugins import find_plugin, load_object, names_with_plugins

if TYPE_CHECKING:
    # At run time a worker that needs none of these tests does not wait for scipy.
    from stream_app.core.twosample.reference import Reference

__all__ = [
    "DETECTOR_GROUP",
    "Against",
    "Detector",
    "DetectorType",
    "detector_names",
    "detector_type",
    "type_of_class",
]

DETECTOR_GROUP = "streamgauge.detectors"
"""Entry-point group of detectors that other packages offer."""

_RIVER_KIB = {"kswin": 80.0, "adwin": 40.0, "hddm_w": 24.0}
_WINDOWED = {
    "ks": "Kolmogorov-Smirnov test of windows against a reference.",
    "psi": "Population stability index of windows against a reference.",
    "wasserstein": "Wasserstein distance of windows from a reference.",
    "mann_whitney": "Mann-Whitney test of windows against a reference.",
}


class Detector(Protocol):
    """A detector of one source."""

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the columns."""

    def update(self, ts: FloatArray, values: FloatArray) -> Any:
        """Take a batch; return its signals, or a result that has them as ``signals``."""

    def state(self) -> dict[str, Any]:
        """Return the state as plain values and numpy arrays."""


@dataclass(frozen=True, slots=True)
class Against:
    """How a detector is made that compares with a given sample instead of its first events.

    Parameters
    ----------
    build : callable
        ``(channels, parameters, every, sample) -> Detector``.
    state : callable
        Returns the state of a detector without the sample.
    restore : callable
        Makes a detector from such a state and the sample.
    """

    build: "Callable[[tuple[str, ...], Mapping[str, Any], int | None, Reference], Detector]"
    state: Callable[[Any], dict[str, Any]]
    restore: "Callable[[Mapping[str, Any], Reference], Detector]"


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorType:
    """A detector by name.

    Parameters
    ----------
    name : str
        Unique name.
    origin : str
        ``Streamgauge``, ``River``, name and version of a package, or ``module:Class``.
    build : callable
        ``(channels, parameters, every) -> Detector``. `every` is that of the settings, None where they name none.
    restore : callable
        Makes a detector from what its ``state`` returned.
    doc : callable
        Returns the first line of the detector's documentation.
    max_kib : float
        Most memory of a packed state for 8 channels, KiB, however long the stream is.
    always : bool
        Whether every stream of readings has it, so that the settings cannot add it.
    binary : bool
        Whether it takes zeros and ones only.
    lasting : bool
        Whether it signals the end of a change, too (``ended``).
    finds_changes : bool
        Whether it signals a large change of level.
    against : Against, optional
        How it compares with a reference of the stream, if it can.
    """

    name: str
    origin: str
    build: Callable[[tuple[str, ...], Mapping[str, Any], int | None], Detector]
    restore: Callable[[Mapping[str, Any]], Detector]
    doc: Callable[[], str]
    max_kib: float = 64.0
    always: bool = False
    binary: bool = False
    lasting: bool = False
    finds_changes: bool = True
    against: Against | None = None


def detector_names() -> tuple[str, ...]:
    """Return the names of all detectors, those of installed packages included; none is imported.

    Examples
    --------
    >>> {"adwin", "ks", "drift"} <= set(detector_names())
    True
    """
    return names_with_plugins((*_ALWAYS, *_WINDOWED, *SHORT_NAMES), DETECTOR_GROUP)


def detector_type(name: str) -> DetectorType:
    """Return the detector of a name.

    Parameters
    ----------
    name : str
        Name as in the settings. One with a colon imports its module: the caller has to have allowed that.

    Raises
    ------
    DataError
        If there is no such detector.
    PluginError
        If one from outside cannot be imported, or is no detector.

    Examples
    --------
    >>> detector_type("adwin").origin, detector_type("adwin").doc()
    ('River', 'Adaptive Windowing method for concept drift detection.')
    """
    if name in _ALWAYS:
        return _ALWAYS[name]
    if name in _WINDOWED:
        return _windowed(name)
    if name in SHORT_NAMES or name.startswith("river."):
        return _river(name)
    if ":" in name:
        return type_of_class(load_object(name, f"detector {name}"), name=name, origin=name)
    plugin = find_plugin(DETECTOR_GROUP, name)
    if plugin is None:
        raise DataError(
            f"unknown detector {name!r}; known are {', '.join(n for n in detector_names() if n not in _ALWAYS)}, "
            "a dotted name below river.drift, or module:Class"
        )
    return type_of_class(plugin.load(), name=name, origin=plugin.package)


def type_of_class(cls: Any, *, name: str, origin: str) -> DetectorType:
    """Return the detector that a class from outside is.

    Parameters
    ----------
    cls : type
        Its constructor takes the channels first; ``update(ts, values)``, ``state()`` and a class method
        ``from_state(state)``. It may have ``lasting``, ``binary`` and ``max_kib``; see `DetectorType`.
    name, origin : str
        See `DetectorType`.

    Raises
    ------
    PluginError
        If it is no such class.
    """
    known = detector_class(cls, name)

    def build(channels: tuple[str, ...], parameters: Mapping[str, Any], every: int | None) -> Detector:
        if every is not None:
            raise DataError(f"detector {name}: every is for River's detectors; leave it out")
        return ClassDetector.build(known, name, channels, parameters)

    return DetectorType(
        name=name,
        origin=origin,
        build=build,
        restore=lambda state: ClassDetector.restore(known, name, state),
        doc=lambda: _first_line(known),
        max_kib=float(getattr(known, "max_kib", 64.0)),
        binary=bool(getattr(known, "binary", False)),
        lasting=bool(getattr(known, "lasting", False)),
    )


def _river(name: str) -> DetectorType:
    adapter = "stream_app.core.river_adapter:RiverDetector"
    dotted = SHORT_NAMES.get(name, name)

    def build(channels: tuple[str, ...], parameters: Mapping[str, Any], every: int | None) -> Detector:
        made: Detector = load_object(adapter, name)(channels, dotted, parameters, every=every, name=name)
        return made

    def doc() -> str:
        known = load_object("stream_app.core.river_adapter:known_detectors", name)()
        return _first_line(known.get(dotted))

    return DetectorType(
        name=name,
        origin="River",
        build=build,
        restore=lambda state: load_object(adapter, name).from_state(state),
        doc=doc,
        max_kib=_RIVER_KIB.get(name, 12.0),
        binary=".binary." in dotted,
    )


def _windowed(name: str) -> DetectorType:
    def build(
        channels: tuple[str, ...],
        parameters: Mapping[str, Any],
        every: int | None,
        reference: "Reference | None" = None,
    ) -> Detector:
        if every is not None:
            raise DataError(f"detector {name}: every is for River's detectors; leave it out")
        options = load_object("stream_app.core.twosample:WindowedTestOptions", name)
        known = set(inspect.signature(options).parameters) - {"tests"}
        unknown = sorted(parameters.keys() - known)
        if unknown:
            raise DataError(
                f"detector {name} has no parameter {unknown[0]!r}; it has {', '.join(sorted(known))}"
            )
        try:
            chosen = options(tests=(name,), **parameters)
        except TypeError as error:
            raise DataError(f"detector {name} refuses its parameters {dict(parameters)}: {error}") from error
        made: Detector = _windowed_test(name)(channels, reference=reference, options=chosen)
        return made

    def restore(state: Mapping[str, Any], reference: "Reference | None" = None) -> Detector:
        made: Detector = _windowed_test(name).from_state(state, reference)
        return made

    return DetectorType(
        name=name,
        origin="Streamgauge",
        build=build,
        restore=restore,
        doc=lambda: _WINDOWED[name],
        max_kib=40.0,
        lasting=True,
        against=Against(build, lambda test: test.state() | {"reference": None}, restore),
    )


def _windowed_test(name: str) -> Any:
    return load_object("stream_app.core.twosample:WindowedTest", name)


def _always(name: str, reference: str, max_kib: float, *, finds_changes: bool = True) -> DetectorType:
    def build(channels: tuple[str, ...], parameters: Mapping[str, Any], every: int | None) -> Detector:
        if parameters or every is not None:
            raise DataError(f"detector {name}: parameters and every are not for it; leave them out")
        made: Detector = load_object(reference, name)(channels)
        return made

    return DetectorType(
        name=name,
        origin="Streamgauge",
        build=build,
        restore=lambda state: load_object(reference, name).from_state(state),
        doc=lambda: _first_line(load_object(reference, name)),
        max_kib=max_kib,
        always=True,
        lasting=True,
        finds_changes=finds_changes,
    )


def _first_line(described: Any) -> str:
    text = inspect.getdoc(described) or ""
    # River's first lines have marks of footnotes.
    return re.sub(r"\[\^\d+\]", "", " ".join(text.split("\n\n", 1)[0].split()))


_ALWAYS = {
    detector.name: detector
    for detector in (
        _always("anomaly", "stream_app.core.anomaly:AnomalyDetector", 10.0),
        _always("drift", "stream_app.core.drift:DriftDetector", 6.0),
        _always("multivariate", "stream_app.core.drift:MultivariateDriftDetector", 40.0),
        _always("quality", "stream_app.core.quality:QualityMonitor", 4.0, finds_changes=False),
    )
}
