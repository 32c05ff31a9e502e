"""``streamgauge compare``: versions of a model side by side, over a file."""

from dataclasses import asdict
from typing import Annotated

import msgspec
import typer
from rich.text import Text

from producers.predictions.columns import VERSION_NAMES
from stream_app.cli.file_columns import DelimiterOption, PathsArgument, names
from stream_app.cli.predicted import (
    PANEL,
    LabelColumnOption,
    PredictedRows,
    PredictionColumnOption,
    read_predicted,
)
from stream_app.cli.show import console, print_columns, printable
from stream_app.core.challenger import Comparison, Decision
from stream_app.errors import SettingsError, SourceError

__all__ = ["EXAMPLES", "compare"]

EXAMPLES = """
Examples:

streamgauge compare predictions.jsonl --versions v1,v2

streamgauge compare answers.csv --version-column model --caring 0.002
"""

_LIMITS = "Decision"
_CARING, _MINIMUM = 0.005, 200


def compare(
    paths: PathsArgument,
    *,
    versions: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,...",
            help="The one in use, then its challengers; else as they come.",
            show_default=False,
        ),
    ] = None,
    version_column: Annotated[
        str | None,
        typer.Option(help="Who answered; else version or the like.", rich_help_panel=PANEL),
    ] = None,
    prediction_column: PredictionColumnOption = None,
    label_column: LabelColumnOption = None,
    delimiter: DelimiterOption = None,
    caring: Annotated[
        float,
        typer.Option(help="Share of answers below which a difference is nothing.", rich_help_panel=_LIMITS),
    ] = _CARING,
    minimum: Annotated[
        int, typer.Option(help="Answers of each before anything is decided.", rich_help_panel=_LIMITS)
    ] = _MINIMUM,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare versions of a model: who is right more often, and whether to switch.

    Answers of two versions to the same id are compared in pairs, which tells more than as many answers to different ones.
    """
    rows = read_predicted(
        paths,
        by=version_column,
        usual_by=VERSION_NAMES,
        by_option="--version-column",
        prediction=prediction_column,
        label=label_column,
        delimiter=delimiter,
    )
    there = tuple(dict.fromkeys(version for version in rows.by if version is not None))
    chosen = names(versions) or there
    if unknown := [name for name in chosen if name not in there]:
        raise SourceError(f"--versions: no answers of {', '.join(unknown)}; there are {', '.join(there)}")
    try:
        comparison = Comparison(chosen, caring=caring, minimum=minimum, waiting=len(rows.by))
    except SettingsError as error:
        raise typer.BadParameter(f"--{error}") from None
    _feed(comparison, rows)
    decision = comparison.decide()
    if as_json:
        # JSON has no NaN: what is unknown is null.
        typer.echo(msgspec.json.encode(asdict(decision)).decode())
    else:
        _print(decision)


def _feed(comparison: Comparison, rows: PredictedRows) -> None:
    for version, answer, truth, ident in zip(rows.by, rows.predicted, rows.truth, rows.ids, strict=True):
        if version is not None and truth is not None:
            comparison.update(version, answer == truth, ident or "")


def _print(decision: Decision) -> None:
    heading = ("version", "n", "accuracy", "best with", "expected loss")
    cells = [
        (
            printable(decision.versions[i]),
            f"{decision.n[i]:,}",
            f"{100 * decision.accuracy[i]:.2f}% ({100 * low:.2f} to {100 * high:.2f})"
            if decision.n[i]
            else "-",
            f"{decision.best[i]:.4g}",
            f"{100 * decision.loss[i]:.3g}%",
        )
        for i, (low, high) in enumerate(decision.interval)
    ]
    print_columns([heading, *cells])
    console.print()
    if decision.pairs:
        told = f"in {decision.pairs:,} pairs; McNemar's exact test: p = {decision.p_value:.2g}"
        console.print(Text(told), soft_wrap=True)
    console.print(Text(printable(decision.summary)), soft_wrap=True)
