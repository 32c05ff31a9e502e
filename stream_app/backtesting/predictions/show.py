"""What a backtest of predictions measured and told, as rows of text for a terminal or a page."""

from collections import Counter
from collections.abc import Mapping

from stream_app.backtesting.listing import instant
from stream_app.backtesting.predictions.model import Challenge, ModelFigures
from stream_app.backtesting.predictions.run import PredictionBacktest
from stream_app.backtesting.show import listed, number
from stream_app.settings import PredictionStream

__all__ = ["challenge_rows", "model_headings", "model_rows", "summary_rows", "trigger_rows"]

_Features = Mapping[str, float | None]


def summary_rows(backtest: PredictionBacktest, models: Mapping[str, ModelFigures]) -> list[tuple[str, str]]:
    """Return what became of all events as pairs of a name and a text; `models` as the backtest gives them."""
    labels = sum((Counter(model.labels) for model in models.values()), Counter[str]())
    failed = sum(int(model.features["failures"] or 0) for model in models.values())
    alerts = sum((Counter(model.alerts) for model in models.values()), Counter[str]())
    joined = f"{labels['joined']:,} joined, {labels['missing']:,} missing"
    if waiting := sum(model.waiting for model in models.values()):
        joined += f", {waiting:,} still waited for at the end"
    rows = [
        ("models", f"{len(models):,}"),
        ("predictions", f"{labels['predictions']:,}" + (f", and {failed:,} that failed" if failed else "")),
        ("labels", joined),
    ]
    if labels["unmatched_labels"]:
        rows.append(("labels without a prediction", f"{labels['unmatched_labels']:,}"))
    if backtest.refused:
        rows.append(("refused", listed(dict(sorted(backtest.refused.items())))))
    rows.append(("alerts", listed(dict(sorted(alerts.items()))) or "none"))
    rows.append(("retraining triggers", f"{len(backtest.triggers):,}" if backtest.triggers else "none"))
    return rows


def trigger_rows(backtest: PredictionBacktest) -> list[tuple[str, str]]:
    """Return when there was reason to train again, or at which event where these have no times, and why."""
    return [
        (instant(trigger.ts) if backtest.period is None else backtest.place(trigger), trigger.summary)
        for trigger in backtest.triggers
    ]


def model_headings(name: str, config: PredictionStream) -> tuple[str, str, str, str]:
    """Return the headings above `model_rows`."""
    return name, f"baseline (first {config.baseline:,})", "all", f"last {config.window:,}"


def model_rows(figures: ModelFigures) -> list[tuple[str, str, str, str]]:
    """Return a model's figures: a name, then of the baseline, of all and of the window; rows of nothing are left out."""
    f = figures.features
    rows = [
        ("labelled", _count(f, "baseline.n"), _count(f, "labelled"), "-"),
        *(_value_rows(f) if "mae" in f else _class_rows(f)),
        ("failures", "-", _percent(f, "failure_rate") if f["failures"] else "-", "-"),
        ("latency p50, p95, p99", "-", "-", _latency(f)),
    ]
    return [row for row in rows if set(row[1:]) != {"-"}]


def _class_rows(f: _Features) -> list[tuple[str, str, str, str]]:
    return [
        ("accuracy", _baseline_accuracy(f), _percent(f, "all.accuracy"), _with_interval(f)),
        ("estimated without labels", "-", "-", _percent(f, "estimated_accuracy")),
        ("the same, where labelled", "-", "-", _held_against_truth(f)),
        ("precision", "-", "-", _percent(f, "precision")),
        ("recall", "-", "-", _percent(f, "recall")),
        ("F1", _percent(f, "baseline.f1"), "-", _percent(f, "f1")),
        ("log loss", _number(f, "baseline.log_loss"), _number(f, "all.log_loss"), _number(f, "log_loss")),
        ("calibration error", _percent(f, "baseline.ece"), "-", _percent(f, "ece")),
    ]


def _value_rows(f: _Features) -> list[tuple[str, str, str, str]]:
    def each(name: str, before: str = "-") -> tuple[str, str, str]:
        return _digits(f, f"baseline.{name}"), before, _digits(f, name)

    promised = f.get("coverage.promised")
    coverage = "coverage" if promised is None else f"coverage of {100.0 * promised:g} % intervals"
    return [
        ("mean absolute error", *each("mae", _digits(f, "all.mae"))),
        ("root mean squared error", *each("rmse")),
        ("bias (predicted less true)", *each("bias")),
        ("R²", *each("r2")),
        (coverage, _percent(f, "baseline.coverage"), "-", _percent(f, "coverage")),
    ]


def challenge_rows(challenge: Challenge) -> list[tuple[str, ...]]:
    """Return how versions did that were compared, below a heading, the one in use first."""
    heading = ("version", "labelled", "accuracy", "best with", "expected loss")
    each = zip(
        challenge.versions,
        challenge.labelled,
        challenge.accuracy,
        challenge.best,
        challenge.loss,
        strict=True,
    )
    return [
        heading,
        *(
            (
                name,
                f"{n:,}",
                number(accuracy, 1, scale=100.0, unit=" %"),
                f"{best:.4g}",
                number(loss, 2, scale=100.0, unit=" %"),
            )
            for name, n, accuracy, best, loss in each
        ),
    ]


def _count(f: _Features, name: str) -> str:
    return number(f.get(name), 0)


def _number(f: _Features, name: str) -> str:
    return number(f.get(name), 3)


def _digits(f: _Features, name: str) -> str:
    value = f.get(name)
    return "-" if value is None else f"{value:.4g}"


def _percent(f: _Features, name: str) -> str:
    return number(f.get(name), 1, scale=100.0, unit=" %")


def _baseline_accuracy(f: _Features) -> str:
    accuracy, low = f.get("baseline.accuracy"), f.get("baseline.low")
    if accuracy is None or low is None or low == accuracy:
        return _percent(f, "baseline.accuracy")
    return f"{_percent(f, 'baseline.accuracy')} (credibly above {number(low, 1, scale=100.0)})"


def _with_interval(f: _Features) -> str:
    low, high = f["accuracy.low"], f["accuracy.high"]
    if low is None or high is None:
        return "-"
    return f"{_percent(f, 'accuracy')} ({number(low, 1, scale=100.0)} to {number(high, 1, scale=100.0)})"


def _held_against_truth(f: _Features) -> str:
    error = f["estimated_accuracy.error"]
    if error is None:
        return "-"
    return f"{_percent(f, 'estimated_accuracy.labelled')} ({100.0 * error:+.1f} points off the truth)"


def _latency(f: _Features) -> str:
    found = [f[f"latency.p{level}"] for level in (50, 95, 99)]
    return "-" if None in found else ", ".join(f"{seconds:.3g}" for seconds in found) + " s"
