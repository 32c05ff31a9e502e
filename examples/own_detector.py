"""A detector of one's own in one file, and the line of settings that adds it to a stream.

Try it from this directory: `PYTHONPATH=. streamgauge detectors --check own_detector:Ewma`.
"""

import math
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

import stream_app as sg
from stream_app.testing import check_detector

SETTINGS = """
detector_modules = ["own_detector"]  # modules that may be imported for a detector: none by default

[streams.pumps]
detectors = [{ name = "own_detector:Ewma", parameters = { limit = 8.0 } }]
"""


class Ewma:
    """Chart of an exponentially weighted moving average for each channel (Roberts 1959).

    Parameters
    ----------
    channels : sequence of str
        Names of the columns.
    weight : float
        Weight of the newest value in the average.
    limit : float
        Signal when the average is this many of its standard deviations from the learned mean.
    learn : int
        Values of a channel from which its mean and standard deviation are learned; again after a signal.
    """

    max_kib = 2.0

    def __init__(
        self, channels: Sequence[str], weight: float = 0.1, limit: float = 8.0, learn: int = 300
    ) -> None:
        self.channels = tuple(channels)
        self.weight, self.limit, self.learn = weight, limit, learn
        # A row a channel: count, mean, sum of squared deviations, average.
        self.records = np.zeros((len(self.channels), 4))

    def update(self, ts: npt.NDArray[np.float64], values: npt.NDArray[np.float64]) -> list[sg.Signal]:
        """Take times, shape (n,), and values, shape (n, d); missing values are NaN."""
        signals = []
        for row, event in enumerate(values):
            # Comparing with NaN is false. A single huge value would hide all ordinary ones from sums.
            for i in np.flatnonzero(np.abs(event) < 1e12).tolist():
                signal = self._step(i, float(event[i]), row, float(ts[row]))
                if signal is not None:
                    signals.append(signal)
        return signals

    def _step(self, i: int, x: float, row: int, ts: float) -> sg.Signal | None:
        n, mean, squares, average = self.records[i].tolist()
        if n < self.learn:
            deviation = x - mean
            mean += deviation / (n + 1)
            self.records[i] = n + 1, mean, squares + deviation * (x - mean), mean
            return None
        average += self.weight * (x - average)
        self.records[i, 3] = average
        sigma = math.sqrt(squares / (n - 1) * self.weight / (2 - self.weight))
        distance = abs(average - mean)
        if distance <= self.limit * sigma or sigma == 0.0:
            return None
        self.records[i] = 0.0
        return sg.Signal(
            row=row,
            ts=ts,
            kind="drift",
            detector="ewma",
            channel=self.channels[i],
            statistic=distance / sigma,
            threshold=self.limit,
            context=(("mean_before", mean), ("mean_after", average)),
        )

    def state(self) -> dict[str, Any]:
        """Return plain values and arrays; they are stored in Redis."""
        return {
            "channels": list(self.channels),
            "weight": self.weight,
            "limit": self.limit,
            "learn": self.learn,
            "records": self.records.copy(),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Return the detector that had this state."""
        restored = cls(state["channels"], state["weight"], state["limit"], state["learn"])
        restored.records = np.array(state["records"])
        return restored


def main() -> None:
    """Check the detector, then run it beside the default ones."""
    print(check_detector(Ewma))

    file = Path(tempfile.mkdtemp()) / "streamgauge.toml"
    file.write_text(SETTINGS)
    monitor = sg.Monitor(("flow",), stream=sg.load_settings(file).streams["pumps"])
    flow = np.random.default_rng(7).normal(32.0, 0.4, size=2400)
    flow[1500:] += 1.2
    for alert in monitor.update(np.arange(2400.0), flow[:, None]).alerts:
        if alert.detector == "ewma":
            print(f"second {alert.ended_at or alert.started_at:.0f}: {alert.state.value}, {alert.summary}")


if __name__ == "__main__":
    main()
