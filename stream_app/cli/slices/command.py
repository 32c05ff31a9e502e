"""The options of ``streamgauge slices``, and what is printed."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from stream_app.cli.file_columns import TABLE, FormatOptions, PathsArgument, names
from stream_app.cli.show import console, print_columns, print_notes
from stream_app.cli.slices.table import LabelledTable, SliceColumns, read_table
from stream_app.core.slices import Slice, SliceConfig, SliceFinder
from stream_app.errors import DataError, SettingsError

__all__ = ["EXAMPLES", "FOUND", "slices"]

FOUND = 3
"""Exit code of ``--check`` where a slice is weak; 1 is a failure, 2 a mistake in the call."""

EXAMPLES = """
Examples:

streamgauge slices predictions.jsonl

streamgauge slices scored.csv --label-column paid --features age,income,region --window 20000

streamgauge backtest SKAB/valve1 --events rows.csv

streamgauge slices SKAB/valve1 --events rows.csv --skip 400 --lag 300
"""

_LIMITS = "What counts as a weak slice"
_OUTPUT = "Output"
_DEFAULT = SliceConfig()


def slices(
    paths: PathsArgument,
    *,
    prediction_column: Annotated[
        str | None,
        typer.Option(
            help="Column with the prediction; by default prediction, predicted or y_pred.",
            rich_help_panel=TABLE,
        ),
    ] = None,
    label_column: Annotated[
        str | None,
        typer.Option(
            help="Column with the truth; by default label, truth, y_true, target or anomaly.",
            rich_help_panel=TABLE,
        ),
    ] = None,
    wrong_column: Annotated[
        str | None,
        typer.Option(
            "--wrong-column",
            "--wrong",
            help="Column with 1 where the model was wrong, instead of prediction and truth.",
            rich_help_panel=TABLE,
        ),
    ] = None,
    events: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Rows that backtest --events wrote for the same files.",
            rich_help_panel=TABLE,
        ),
    ] = None,
    features: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,...", help="Columns to slice by; by default all others.", rich_help_panel=TABLE
        ),
    ] = None,
    categories: Annotated[
        str | None,
        typer.Option(metavar="A,B,...", help="Numeric columns that are categories.", rich_help_panel=TABLE),
    ] = None,
    form: FormatOptions,
    skip: Annotated[
        int,
        typer.Option(
            metavar="N", min=0, help="Number of first rows of each file to skip.", rich_help_panel=TABLE
        ),
    ] = 0,
    among: Annotated[
        str | None,
        typer.Option(metavar="LABEL", help="Only rows with this truth.", rich_help_panel=TABLE),
    ] = None,
    window: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Only this many newest rows; by default all.", rich_help_panel=_LIMITS
        ),
    ] = None,
    alpha: Annotated[
        float,
        typer.Option(help="Probability of any false slice where none is weak.", rich_help_panel=_LIMITS),
    ] = _DEFAULT.alpha,
    min_rows: Annotated[int, typer.Option(help="Fewest rows of a slice.", rich_help_panel=_LIMITS)] = (
        _DEFAULT.min_rows
    ),
    min_share: Annotated[
        float, typer.Option(help="Smallest share of rows of a slice.", rich_help_panel=_LIMITS)
    ] = _DEFAULT.min_share,
    min_gap: Annotated[
        float,
        typer.Option(
            help="Smallest difference of a slice's error rate from the overall one; or",
            rich_help_panel=_LIMITS,
        ),
    ] = _DEFAULT.min_gap,
    min_ratio: Annotated[
        float, typer.Option(help="smallest ratio to the overall one.", rich_help_panel=_LIMITS)
    ] = _DEFAULT.min_ratio,
    max_slices: Annotated[int, typer.Option(help="Most slices to report.", rich_help_panel=_LIMITS)] = (
        _DEFAULT.max_slices
    ),
    lag: Annotated[
        int,
        typer.Option(
            metavar="N", help="Rows this far apart are independent; 0: all rows are.", rich_help_panel=_LIMITS
        ),
    ] = _DEFAULT.lag,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.", rich_help_panel=_OUTPUT)] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Exit with 3 if a slice is weak.", rich_help_panel=_OUTPUT)
    ] = False,
) -> None:
    """Find where a model errs significantly more often than overall.

    Searches all intervals of numbers, all categories, missing values, and all pairs of these. Files hold a prediction
    and its truth in each row, beside any features; or predictions as events, with the truth in an event of the same id.
    Where these are numbers with fractions, a model is wrong where its error is one of the largest tenth.
    For an anomaly detector, rows that a backtest wrote are held against the truth in its input.
    """
    if wrong_column is not None and (prediction_column or label_column or events or among is not None):
        raise typer.BadParameter(
            "--wrong-column takes the place of predictions and truth; give only one of them"
        )
    try:
        limits = SliceConfig(
            window=_DEFAULT.window if window is None else window,
            alpha=alpha,
            min_rows=min_rows,
            min_share=min_share,
            min_gap=min_gap,
            min_ratio=min_ratio,
            max_slices=max_slices,
            lag=lag,
        )
    except SettingsError as error:
        raise typer.BadParameter(f"--{str(error).replace('_', '-', 1)}") from None
    table = read_table(
        paths,
        SliceColumns(
            prediction=prediction_column,
            label=label_column,
            wrong=wrong_column,
            features=names(features),
            categories=names(categories),
            format=form.format(),
            events=events,
            skip=skip,
            among=among,
        ),
    )
    told = _told(table, limits, len(table.wrong) if window is None else window)
    if as_json:
        typer.echo(msgspec.json.encode(told).decode())
    else:
        _print(told)
    if table.problem is not None:
        raise DataError(table.problem)
    if check and told["slices"]:
        raise typer.Exit(FOUND)


def _told(table: LabelledTable, limits: SliceConfig, window: int) -> dict[str, Any]:
    """Search the newest rows; everything that is printed, as plain values."""
    newest = slice(max(0, len(table.wrong) - window), None)
    values, cells, wrong = table.values[newest], table.cells[newest], table.wrong[newest]
    config = SliceConfig(**asdict(limits) | {"window": max(100, len(wrong))})
    finder = SliceFinder(table.numeric, table.categorical, config)
    finder.update(values, cells, wrong)
    return {
        "rows": len(wrong),
        "wrong": int(wrong.sum()),
        "overall": float(wrong.mean()),
        "left_out": table.left_out,
        "large": table.large,
        "notes": table.notes,
        "problem": table.problem,
        "numeric": list(table.numeric),
        "categorical": list(table.categorical),
        "slices": [_plain(one) for one in finder.find()],
    }


def _plain(one: Slice) -> dict[str, Any]:
    return {
        "rule": one.rule,
        "n": one.n,
        "metric": one.metric,
        "overall": one.overall,
        "interval": list(one.interval),
        "p_value": one.p_value,
        "conditions": [_condition(part) for part in one.conditions],
    }


def _condition(part: Any) -> dict[str, Any]:
    # JSON has no infinity: a bound that is not there is null.
    said = asdict(part)
    if "low" in said:
        said |= {
            name: bound if abs(bound) < float("inf") else None
            for name, bound in said.items()
            if name != "feature"
        }
    return {"kind": type(part).__name__.lower(), **said}


def _print(told: dict[str, Any]) -> None:
    left_out = f"; {told['left_out']:,} rows without prediction or truth" if told["left_out"] else ""
    what = "wrong" if told["large"] is None else f"with errors above {told['large']:.4g}"
    console.print(
        f"{told['rows']:,} rows, {told['wrong']:,} {what}: {told['overall']:.1%} overall{left_out}",
        soft_wrap=True,
    )
    print_notes(told["notes"])
    if not told["slices"]:
        console.print("no slice is significantly worse")
        return
    rows = [("wrong" if told["large"] is None else "large errors", "95 % interval", "rows", "p", "slice")]
    rows += [
        (
            f"{one['metric']:.1%}",
            f"{one['interval'][0]:.1%} to {one['interval'][1]:.1%}",
            f"{one['n']:,}",
            f"{one['p_value']:.2g}",
            one["rule"],
        )
        for one in told["slices"]
    ]
    print_columns(rows)
