"""``streamgauge compare``: versions of a model side by side, over a file."""

from dataclasses import asdict
from typing import Annotated

import msgspec
import typer
from rich.text import Text

from stream_app.cli.file_columns import TABLE, LabelledOptions, PathsArgument, names
from stream_app.cli.printable import printable
from stream_app.cli.show import console, print_columns, print_notes
from stream_app.core.challenger import Comparison, Decision
from stream_app.errors import DataError, SettingsError
from stream_app.tables.columns import check_known, listed
from stream_app.tables.predictions import VERSION_NAMES, PredictedRows

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
            help="Version in use, then its challengers; by default in order of appearance.",
            show_default=False,
        ),
    ] = None,
    version_column: Annotated[
        str | None,
        typer.Option(
            help="Column with the version; by default version or model_version.", rich_help_panel=TABLE
        ),
    ] = None,
    table: LabelledOptions,
    caring: Annotated[
        float,
        typer.Option(
            help="Threshold of caring: smaller differences of accuracy do not count.", rich_help_panel=_LIMITS
        ),
    ] = _CARING,
    minimum: Annotated[
        int, typer.Option(help="Answers of each version before a decision.", rich_help_panel=_LIMITS)
    ] = _MINIMUM,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare versions of a model, and decide whether to switch.

    Answers of two versions to the same id are compared in pairs, which tells more than as many answers to different ones.
    """
    rows = table.read(
        paths, by=version_column, by_option="--version-column", usual_by=VERSION_NAMES, share_truth=True
    )
    there = tuple(dict.fromkeys(version for version in rows.by if version is not None))
    chosen = names(versions) or there
    check_known("--versions", chosen, there, "version")
    if len(there) < 2:
        alone = (
            f"nothing was compared: there is {'one version only, ' if there else 'no version'}{listed(there)}; give the answers "
            "of two, or name their column with --version-column"
        )
        if as_json:
            told = {"versions": there, "notes": rows.notes, "problem": alone}
            typer.echo(msgspec.json.encode(told).decode())
        raise DataError(alone)
    try:
        comparison = Comparison(chosen, caring=caring, minimum=minimum, waiting=len(rows.by))
    except SettingsError as error:
        raise typer.BadParameter(f"--{error}") from None
    _feed(comparison, rows)
    decision = comparison.decide()
    problem = rows.problem or _problem(decision)
    if as_json:
        # JSON has no NaN: what is unknown is null.
        told = asdict(decision) | {"notes": rows.notes, "problem": problem}
        typer.echo(msgspec.json.encode(told).decode())
    else:
        _print(decision)
        print_notes(rows.notes)
    if problem is not None:
        raise DataError(problem)


def _problem(decision: Decision) -> str | None:
    missing = [version for version, n in zip(decision.versions, decision.n, strict=True) if not n]
    if not missing:
        return None
    return f"nothing was compared: no answer of {listed(missing)} has its truth; name its column with --label-column"


def _feed(comparison: Comparison, rows: PredictedRows) -> None:
    for version, answer, truth, ident in zip(rows.by, rows.predicted, rows.truth, rows.ids, strict=True):
        if version is not None and truth is not None:
            comparison.update(version, answer == truth, ident or "")


def _print(decision: Decision) -> None:
    heading = ("version", "n", "accuracy", "best with", "expected loss")
    cells = [
        (
            decision.versions[i],
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
