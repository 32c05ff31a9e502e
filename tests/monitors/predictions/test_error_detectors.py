"""Any detector of the registry watches the errors of a model, as its settings name it."""

import numpy as np
import pytest
from prediction_streams import all_of, events, feed, model

from stream_app import Signal
from stream_app.errors import SettingsError
from stream_app.kinds.predictions import check_stream
from stream_app.settings import PredictionStream


class Windows:
    """Count the errors of each fifty predictions, and signal while they are many."""

    binary = True
    lasting = True

    def __init__(self, channels, most=20):
        self.channels, self.most, self.errors, self.events, self.many = channels, most, 0, 0, False

    def update(self, ts, values):
        found = []
        for row in range(len(ts)):
            self.errors += int(values[row, 0])
            self.events += 1
            if self.events % 50:
                continue
            many, errors, self.errors = self.errors > self.most, self.errors, 0
            if many or self.many:
                found.append(Signal(row=row, ts=float(ts[row]), kind="drift", detector="windows", channel=self.channels[0],
                                    statistic=float(errors), threshold=float(self.most), ended=not many))  # fmt: skip
            self.many = many
        return found

    def state(self):
        return vars(self) | {"channels": list(self.channels)}

    @classmethod
    def from_state(cls, state):
        made = cls(tuple(state["channels"]))
        vars(made).update(state, channels=tuple(state["channels"]))
        return made


def drop():
    """Good for 1,200 predictions, bad for 400, and good again."""
    rng = np.random.default_rng(4)
    parts = [model(rng, n, strength) for n, strength in ((1200, 2.5), (400, 0.4), (1000, 2.5))]
    p, truth = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return events(p, truth, delay=0)


@pytest.mark.parametrize(
    "name", ["psi", "adwin", f"{__name__}:Windows"], ids=["windowed test", "River", "of one's own"]
)
def test_a_rise_of_the_errors_is_told_and_its_end(name):
    parameters = {"psi": {"window": 200}}.get(name, {})
    stream = PredictionStream(
        detectors=[{"name": name, "parameters": parameters}], slices=False, resolve_after=50.0
    )
    check_stream("models", stream)
    rows = drop()
    outcomes = [feed(stream, rows, cuts, restart=bool(cuts))[1] for cuts in ((), (700, 1500, 1900))]
    told, restarted = (
        [alert for alert in all_of(one, "alerts") if alert.detector == f"errors.{name}"] for one in outcomes
    )
    assert told[0].kind == "performance"
    assert told[0].ended_at is None
    assert 1200 <= told[0].offset < 1600
    assert any(alert.id == told[0].id and alert.ended_at is not None for alert in told)
    assert [(a.id, a.state) for a in restarted] == [(a.id, a.state) for a in told]


def test_parameters_that_do_not_fit_are_named():
    with pytest.raises(
        SettingsError, match=r"streams\.models: detector psi has no parameter 'windw'; it has alpha, "
    ):
        check_stream("models", PredictionStream(detectors=[{"name": "psi", "parameters": {"windw": 3}}]))
