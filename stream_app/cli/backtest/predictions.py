"""A backtest of predictions: what the call asks for, and the way to what a worker would tell."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any

import msgspec
import typer
from pydantic import ValidationError

from producers.progress import Progress, progress_for
from stream_app.backtesting.predictions import PredictionBacktest, PredictionReport
from stream_app.cli.backtest.alert_output import AlertFile
from stream_app.cli.backtest.call import Call, refuse
from stream_app.cli.backtest.prediction_files import PredictionInput
from stream_app.cli.backtest.prediction_output import predictions_json, print_predictions
from stream_app.cli.reference.files import read_features
from stream_app.cli.show import error_console
from stream_app.core.budget import Budget
from stream_app.errors import DataError, SettingsError, SourceError
from stream_app.events import AlertState, PredictionRow, Rejected
from stream_app.kinds.predictions import check_stream
from stream_app.settings import PredictionStream
from stream_app.settings.predictions import FairnessSettings
from stream_app.tables.columns import check_known

__all__ = ["prepare"]

_MOST_GROUPS = 10_000
"""Of a category; texts that are different in each row are no groups."""

_REASONS = {
    "--changepoint-column": "predictions have one truth, the label; name its column with --label-column",
    "--changepoint-window": "predictions have one truth, the label",
    "--sort": "answers are judged in the order in which the model gave them; sort the file",
    "--long": "it belongs to readings of sensors",
    "--reference": "the first labelled predictions of a model are its baseline",
    "--warmup": "a model has no warm-up; its first labelled predictions are its baseline, and how many is said by "
    "baseline in the monitor file",
    "--models": "they are of the windows of a platform; say --kind platform, or --stream with the name of one",
    "--register": "classifiers of a platform are registered; say --kind platform, or --stream with the name of one",
    "--events": "a monitor of predictions says nothing of single rows; --json has all that it tells, in order",
}


def prepare(name: str, stream: PredictionStream, call: Call) -> Callable[[], None]:
    """Settle everything that can be wrong with a call; what is returned does it.

    Raises
    ------
    SettingsError
        If an option makes no sense.
    SourceError
        If a file cannot be read, or a column is missing or in doubt.
    """
    refuse(
        {
            "--changepoint-column": call.changepoint,
            "--changepoint-window": call.window,
            "--sort": call.sort,
            "--long": call.columns.format.long,
            "--warmup": call.warmup,
            "--reference": call.reference,
            "--events": call.events,
            "--models": call.models,
            "--register": call.register,
        },
        _REASONS,
    )
    source = PredictionInput(
        call.paths, call.predictions, period=call.columns.period, label_delay=call.label_delay
    )
    config = _config(name, stream, call, source)
    alert_file = None if call.alerts is None else AlertFile(call.alerts, source.files)
    report = None if call.report is None else PredictionReport(call.report)
    reference = None if config.reference is None else read_features(name, config, config.reference)
    run = PredictionBacktest(
        config, report.watch if report else None, name=name, period=call.columns.period, reference=reference
    )

    def work() -> None:
        begin = perf_counter()
        named = _Named()
        _sweep(run, source, progress_for(error_console, "backtest", quiet=call.quiet or call.as_json), named)
        seconds = perf_counter() - begin
        seen = [version for model in run.models().values() for version in model.versions]
        check_known("--versions", call.versions, seen, "version")
        _check_labels(run)
        named.check(f"streams.{name}.fairness", config.fairness)
        problem = run.unjudged(source.left.counts)
        page = report.write(run, ", ".join(call.paths), problem) if report else None
        if alert_file is not None:
            alert_file.write(run.episodes())
        if call.as_json:
            typer.echo(msgspec.json.encode(predictions_json(run, source, problem, seconds)).decode())
        else:
            print_predictions(run, source, seconds, members=call.alerts is not None)
            for written in (call.alerts, page):
                if written is not None:
                    typer.echo(f"written: {written}")
        if problem is not None:
            raise DataError(problem)

    return work


def _check_labels(run: PredictionBacktest) -> None:
    """See that the accuracy of each model says something."""
    last = {alert.source: alert for alert in run.alerts if alert.detector == "labels"}
    for name, alert in last.items():
        if alert.state is not AlertState.RESOLVED:
            raise SourceError(f"{name}: {alert.summary}; write both sides alike")


class _Named:
    """Labels, categories and groups that events name."""

    def __init__(self) -> None:
        self.labels: set[str] = set()
        self.groups: defaultdict[str, set[str]] = defaultdict(set)

    def update(self, events: Iterable[PredictionRow | Rejected]) -> None:
        for event in events:
            if isinstance(event, PredictionRow):
                self.labels.update(filter(None, (event.prediction, event.label)))
                for category, group in event.categories.items():
                    if group is not None and len(self.groups[category]) < _MOST_GROUPS:
                        self.groups[category].add(group)

    def check(self, where: str, fairness: FairnessSettings | None) -> None:
        """See that the data have what the settings of fairness name."""
        if fairness is None:
            return
        check_known(f"{where}.favourable", fairness.favourable, self.labels, "label")
        check_known(f"{where}.groups", fairness.groups, self.groups, "category")
        for category in fairness.groups if fairness.reference else ():
            check_known(f"{where}.reference", [fairness.reference], self.groups[category], "group")


def _sweep(run: PredictionBacktest, source: PredictionInput, progress: Progress, named: _Named) -> None:
    """Give all events to the monitor."""
    progress.begin(source.total, 0)
    try:
        for events, which in source.pieces():
            run.update(events, which)
            named.update(events)
            progress.update(source.rows)
    finally:
        progress.end()


def _config(name: str, stream: PredictionStream, call: Call, source: PredictionInput) -> PredictionStream:
    """Return the settings of a stream; the command line wins over the file, and what either says over the data."""
    changes: dict[str, Any] = {}
    if call.task is not None:
        changes["task"] = call.task
    elif not stream.model_fields_set & {"task", "labels"} and source.has_values():
        changes["task"] = "regression"
    if call.budget is not None:
        Budget.parse(call.budget)
        changes["budget"] = call.budget
    if call.versions:
        changes["versions"] = call.versions
    try:
        changed = PredictionStream.model_validate(dict(stream) | changes)
    except ValidationError as error:
        raise SettingsError(
            f"--{error.errors(include_url=False)[0]['msg'].removeprefix('Value error, ')}"
        ) from None
    check_stream(name, changed)
    return changed
