"""A backtest of platforms: what the call asks for, and the way to what a worker would tell."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from time import perf_counter
from typing import Any

import msgspec
import typer
from pydantic import ValidationError

from producers.platform import PlatformFiles
from producers.progress import Progress, progress_for
from stream_app.backtesting.platform import (
    MODEL_HEADINGS,
    Comparison,
    PlatformBacktest,
    PlatformReport,
    comparison_notes,
    explained,
    model_rows,
    summary_rows,
)
from stream_app.cli.backtest.alert_output import AlertFile, print_incidents
from stream_app.cli.backtest.call import Call, refuse
from stream_app.cli.backtest.output import print_pairs, rates, speed
from stream_app.cli.models.deeds import register
from stream_app.cli.printable import printable
from stream_app.cli.show import console, error_console, print_columns, print_notes
from stream_app.cli.who import name_of
from stream_app.errors import DataError, SettingsError, SourceError
from stream_app.kinds.platform import check_stream
from stream_app.model_registry import ModelRegistry, RegisteredVersion
from stream_app.settings import PlatformStream
from stream_app.tables.files import find_tables

__all__ = ["prepare"]

MOST_EXPLAINED = 10
"""Incidents whose causes are printed as a paragraph; those of more are in the report."""

_OF_PREDICTIONS = (
    "belongs to streams of predictions; say --kind predictions, or --stream with the name of one"
)
_REASONS = {
    "--changepoint-column": "an incident of a platform has a beginning and an end; name their metric with --label-column",
    "--changepoint-window": "an incident of a platform has a beginning and an end; name their metric with --label-column",
    "--sort": "files of a platform are read side by side, in the order of time",
    "--reference": "a platform learns from its first windows; --warmup says from how many",
    "--events": "a platform is judged window by window; --json has all that is told, in order",
    "--channels": "all metrics are watched; ignore in the monitor file leaves some out",
}


def prepare(name: str, stream: PlatformStream, call: Call) -> Callable[[], None]:
    """Settle everything that can be wrong with a call; what is returned does it.

    Raises
    ------
    SettingsError
        If an option makes no sense.
    SourceError
        If a file cannot be read, or what is in it is in doubt.
    """
    refuse(
        {
            "--changepoint-column": call.changepoint,
            "--changepoint-window": call.window,
            "--sort": call.sort,
            "--reference": call.reference,
            "--events": call.events,
            "--channels": call.columns.channels,
        },
        _REASONS,
    )
    own = call.predictions.own | {"--task": call.task, "--versions": call.versions}
    refuse(own, dict.fromkeys(own, _OF_PREDICTIONS))
    if call.register is not None and not call.models:
        raise SettingsError("--register: the classifiers of --models are registered; say --models, too")
    config = _config(name, stream, call)
    form = call.columns.format
    source = PlatformFiles.find(call.paths, config.platform or name, form)
    taken = [table.label for table, _ in find_tables(call.paths, form)]
    alert_file = None if call.alerts is None else AlertFile(call.alerts, taken)
    report = None if call.report is None else PlatformReport(call.report)
    run = PlatformBacktest(config, name=name, truth=call.label, features=call.models)

    def work() -> None:
        begin = perf_counter()
        _sweep(run, source, progress_for(error_console, "backtest", quiet=call.quiet or call.as_json))
        seconds = perf_counter() - begin
        if call.label is not None and all(run.truth(name) is None for name in run.windows):
            raise SourceError(f"--label-column: no metric is called {call.label!r}")
        problem = run.unjudged(source.left_out)
        comparisons = run.comparisons() if call.models else {}
        registered = _register(run, call)
        page = report.write(run, ", ".join(call.paths), comparisons, problem) if report else None
        if alert_file is not None:
            alert_file.write(run.episodes())
        if call.as_json:
            typer.echo(msgspec.json.encode(_json(run, source, comparisons, seconds, registered)).decode())
        else:
            _print(run, source, comparisons, seconds, members=call.alerts is not None)
            for line in registered:
                typer.echo(f"registered: {printable(line)}")
            for written in (call.alerts, page):
                if written is not None:
                    typer.echo(f"written: {written}")
        if problem is not None:
            raise DataError(problem)

    return work


def _config(name: str, stream: PlatformStream, call: Call) -> PlatformStream:
    """Return the settings of a stream; the command line wins over the file."""
    said = {"warmup": call.warmup, "budget": call.budget}
    try:
        config = PlatformStream.model_validate(
            dict(stream) | {key: value for key, value in said.items() if value is not None}
        )
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise SettingsError(f"--{first['loc'][0] if first['loc'] else ''}: {first['msg']}") from None
    check_stream(name, config)
    return config


def _register(run: PlatformBacktest, call: Call) -> list[str]:
    """Register the classifiers, if that was asked for, and say which versions they are."""
    if call.register is None or call.settings is None:
        return []
    name, found = call.register, list[RegisteredVersion]()

    def work(registry: ModelRegistry) -> RegisteredVersion:
        found.extend(run.register(registry, name, ", ".join(call.paths)))
        return found[0]

    register(call.settings, name, work, by=name_of(None))
    return [
        f"{one.label}{''.join(f', {alias}' for alias in one.aliases)}: {one.params['model']}, F1 {one.metrics.get('f1', 0.0):.3f}"
        for one in found
    ]


def _sweep(run: PlatformBacktest, source: PlatformFiles, progress: Progress) -> None:
    """Give all records to the monitor."""
    progress.begin(source.total, 0)
    try:
        for batch in source.batches():
            run.update(batch.encode())
            progress.update(run.records)
    finally:
        progress.end()


def _print(
    run: PlatformBacktest,
    source: PlatformFiles,
    comparisons: Mapping[str, Comparison],
    seconds: float,
    *,
    members: bool,
) -> None:
    """Print what became of the records, what was told, and the models side by side."""
    print_pairs([*summary_rows(run), ("samples a second", speed(run.rows, run.seconds, seconds))])
    print_notes(
        [
            *(f"left out {count:,}: {reason}" for reason, count in source.left_out.items()),
            *(f"first refused as {reason}: {told}" for reason, told in run.first_refusals.items()),
        ]
    )
    print_incidents(run.incidents(), members=members)
    for when, causes in explained(run)[:MOST_EXPLAINED]:
        console.print(f"\n{printable(when)}  {printable(causes)}", markup=False, soft_wrap=True)
    for name, comparison in comparisons.items():
        console.print(f"\nmodels of {printable(name)}", style="bold", markup=False)
        print_notes(comparison_notes(comparison))
        print_columns([MODEL_HEADINGS, *model_rows(comparison)])


def _json(
    run: PlatformBacktest,
    source: PlatformFiles,
    comparisons: Mapping[str, Comparison],
    seconds: float,
    registered: Sequence[str],
) -> dict[str, Any]:
    """Return all that was measured and told as plain values."""
    monitor, whole = rates(run.rows, run.seconds, seconds)
    return {
        "stream": run.name,
        "kind": "platform",
        "budget": run.config.budget,
        "warmup": run.config.warmup,
        "window": run.config.window,
        "records": run.records,
        "rows": run.rows,
        "left_out": dict(source.left_out),
        "refused": dict(run.refused),
        "first_refused": run.first_refusals,
        # Figures that are not finite are texts there, as on the wire.
        "alerts": [msgspec.json.decode(alert.model_dump_json()) for alert in run.alerts],
        "by_source": {name: {"windows": len(one.ends)} for name, one in run.windows.items()},
        "models": {
            name: {
                "windows": one.windows,
                "earlier": one.earlier,
                "left_out": one.left_out,
                "incidents": one.incidents,
                "rows": [asdict(row) for row in one.rows],
            }
            for name, one in comparisons.items()
        },
        "registered": list(registered),
        "events_per_second": round(monitor, 1),
        "events_per_second_overall": round(whole, 1),
    }
