"""Every detector of the core by name, so that the shared checks of the tests reach each of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from stream_app.core.anomaly import AnomalyDetector
from stream_app.core.arrays import FloatArray
from stream_app.core.drift import DriftDetector, MultivariateDriftDetector
from stream_app.core.quality import QualityMonitor
from stream_app.core.river_adapter import SHORT_NAMES, RiverDetector
from stream_app.core.twosample import WindowedTest, WindowedTestOptions

__all__ = ["DETECTORS", "Detector", "RegisteredDetector"]


class Detector(Protocol):
    """What every detector of the core can do."""

    def update(self, ts: FloatArray, values: FloatArray) -> Any:
        """Take a batch; give the signals, or a result that has them as ``signals``."""
        ...

    def state(self) -> dict[str, Any]:
        """Give the state as plain data."""
        ...


@dataclass(frozen=True, slots=True)
class RegisteredDetector:
    """How a detector is made, restored and bounded.

    Parameters
    ----------
    name : str
        Unique name.
    make : callable
        Makes a fresh one for some channels.
    restore : callable
        Makes one from what ``state`` gave.
    kib : float
        Most memory of the state for 8 channels, KiB, however long the stream is.
    binary : bool
        Whether it eats zeros and ones only.
    sees_changes : bool
        Whether a large change of the values is what it tells.
    """

    name: str
    make: Callable[[tuple[str, ...]], Detector]
    restore: Callable[[Mapping[str, Any]], Detector]
    kib: float
    binary: bool = False
    sees_changes: bool = True


def _river(name: str) -> RegisteredDetector:
    binary = name not in ("adwin", "page_hinkley", "kswin")
    return RegisteredDetector(
        name=name,
        make=lambda channels: RiverDetector(channels, name),
        restore=RiverDetector.from_state,
        kib={"kswin": 80.0, "adwin": 40.0, "hddm_w": 24.0}.get(name, 12.0),
        binary=binary,
    )


_ENTRIES = (
    RegisteredDetector("windowed", WindowedTest, WindowedTest.from_state, kib=40.0),
    RegisteredDetector(
        "windowed_all",
        lambda channels: WindowedTest(
            channels,
            options=WindowedTestOptions(
                tests=("ks", "psi", "wasserstein", "mann_whitney"), window=100, hop=30
            ),
        ),
        WindowedTest.from_state,
        kib=20.0,
    ),
    RegisteredDetector("anomaly", AnomalyDetector, AnomalyDetector.from_state, kib=10.0),
    RegisteredDetector("drift", DriftDetector, DriftDetector.from_state, kib=6.0),
    RegisteredDetector(
        "multivariate", MultivariateDriftDetector, MultivariateDriftDetector.from_state, kib=40.0
    ),
    RegisteredDetector("quality", QualityMonitor, QualityMonitor.from_state, kib=4.0, sees_changes=False),
    *(_river(name) for name in SHORT_NAMES),
)

DETECTORS: Mapping[str, RegisteredDetector] = {entry.name: entry for entry in _ENTRIES}
"""All registered detectors, by name."""
