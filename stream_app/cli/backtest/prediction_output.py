"""What a backtest of predictions prints."""

from typing import Any

import msgspec

from stream_app.backtesting.predictions import (
    ModelFigures,
    PredictionBacktest,
    challenge_rows,
    model_headings,
    model_rows,
    summary_rows,
    trigger_rows,
)
from stream_app.cli.backtest.alert_output import print_incidents
from stream_app.cli.backtest.output import print_pairs, rates, speed
from stream_app.cli.backtest.prediction_files import PredictionInput
from stream_app.cli.printable import printable
from stream_app.cli.show import console, print_columns, print_notes

__all__ = ["predictions_json", "print_predictions"]

MOST_MODELS = 10
"""Models whose figures are printed; those of more are in the report and in JSON."""


def print_predictions(
    backtest: PredictionBacktest, source: PredictionInput, seconds: float, *, members: bool
) -> None:
    """Print what became of the rows, how each model did, and what was told, in its order.

    `members` says whether the alerts of an incident stand below it.
    """
    models = backtest.models()
    left = sum(source.left.counts.values())
    rows = [
        ("rows", f"{source.rows:,}" + (f" ({left:,} left out)" if left else "")),
        *summary_rows(backtest, models),
    ]
    print_pairs([*rows, ("events a second", speed(backtest.events, backtest.seconds, seconds))])
    print_notes(
        [
            *(f"left out {count:,}: {reason}" for reason, count in source.left.summary.items()),
            *(f"first refused as {reason}: {told}" for reason, told in backtest.first_refusals.items()),
        ]
    )
    for name, figures in list(models.items())[:MOST_MODELS]:
        _print_model(name, figures, backtest)
    if len(models) > MOST_MODELS:
        console.print(f"\n{len(models) - MOST_MODELS} more models: see --json or --report", soft_wrap=True)
    _print_told(backtest, members=members)


def _print_model(name: str, figures: ModelFigures, backtest: PredictionBacktest) -> None:
    console.print()
    print_columns([model_headings(name, backtest.config), *model_rows(figures)])
    if figures.versions:
        console.print(f"versions: {printable(', '.join(figures.versions))}", markup=False, soft_wrap=True)
    if figures.challenge is not None:
        print_columns(challenge_rows(figures.challenge))
        console.print(f"verdict: {figures.challenge.verdict}")
    elif len(figures.versions) > 1:
        pair = printable(",".join(figures.versions[:2]))
        console.print(f"to hold versions against each other: --versions {pair}", markup=False, soft_wrap=True)
    for weak in figures.slices:
        console.print(f"weak at the end: {printable(weak)}", markup=False, soft_wrap=True)


def _print_told(backtest: PredictionBacktest, *, members: bool) -> None:
    """Print incidents and triggers, each in the order of the events."""
    print_incidents(backtest.incidents(), members=members)
    if backtest.triggers:
        console.print("\nreasons to train again", style="bold")
    for when, why in trigger_rows(backtest):
        console.print(f"{printable(when)}  {printable(why)}", markup=False, soft_wrap=True)


def predictions_json(
    backtest: PredictionBacktest, source: PredictionInput, problem: str | None, seconds: float
) -> dict[str, Any]:
    """Return all that was measured and told as plain values; `problem` is why nearly nothing was judged."""
    config, models = backtest.config, backtest.models()
    monitor, whole = rates(backtest.events, backtest.seconds, seconds)
    return {
        "stream": backtest.name,
        "kind": "predictions",
        "problem": problem,
        "budget": config.budget,
        "baseline": config.baseline,
        "window": config.window,
        "rows": source.rows,
        "events": backtest.events,
        "left_out": dict(source.left.counts),
        "first_left_out": dict(source.left.first),
        "refused": dict(backtest.refused),
        "first_refused": backtest.first_refusals,
        "alerts": [_plain(alert.model_dump_json()) for alert in backtest.alerts],
        "triggers": [_plain(trigger.model_dump_json()) for trigger in backtest.triggers],
        "by_source": {name: figures.to_dict() for name, figures in models.items()},
        "events_per_second": round(monitor, 1),
        "events_per_second_overall": round(whole, 1),
    }


def _plain(text: str) -> Any:
    # Figures that are not finite are texts there, as on the wire.
    return msgspec.json.decode(text)
