"""``streamgauge fairness``: how a model's answers are spread over groups, over a file."""

import math
from dataclasses import asdict
from typing import Annotated, Any

import msgspec
import typer
from rich.text import Text

from stream_app.cli.file_columns import LabelledOptions, PathsArgument, names
from stream_app.cli.printable import printable
from stream_app.cli.show import console, print_columns, print_notes
from stream_app.core.fairness import FairnessOptions, FairnessReport, GroupOutcomes, Measured
from stream_app.errors import DataError, SettingsError
from stream_app.labels import label_text
from stream_app.tables.columns import check_known

__all__ = ["EXAMPLES", "fairness"]

EXAMPLES = """
Examples:

streamgauge fairness loans.csv --group sex --favourable approved

streamgauge fairness predictions.jsonl --group region --favourable yes,maybe --reference north --check
"""

_FOUND = 3
"""Exit code of ``--check`` where a limit is passed; 1 is a failure, 2 a mistake in the call."""

_LIMITS = "Limits"
_OUTPUT = "Output"
_DEFAULT = FairnessOptions()


def fairness(
    paths: PathsArgument,
    group: Annotated[str, typer.Option(metavar="COLUMN", help="Column or category with the group.")],
    favourable: Annotated[
        str, typer.Option(metavar="LABEL,...", help="Labels that benefit those who get them.")
    ],
    *,
    table: LabelledOptions,
    window: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Only this many newest predictions; by default all.",
            rich_help_panel=_LIMITS,
        ),
    ] = None,
    reference: Annotated[
        str,
        typer.Option(
            metavar="GROUP",
            help="Group to compare with; by default the one with the highest selection rate.",
            rich_help_panel=_LIMITS,
        ),
    ] = "",
    impact: Annotated[
        float, typer.Option(help="Smallest allowed ratio of selection rates.", rich_help_panel=_LIMITS)
    ] = _DEFAULT.impact,
    opportunity: Annotated[
        float,
        typer.Option(help="Largest allowed difference of true positive rates.", rich_help_panel=_LIMITS),
    ] = _DEFAULT.opportunity,
    level: Annotated[
        float, typer.Option(help="Probability of any false violation.", rich_help_panel=_LIMITS)
    ] = _DEFAULT.level,
    minimum: Annotated[
        int,
        typer.Option(
            help="Smallest number of predictions with which a group is judged.", rich_help_panel=_LIMITS
        ),
    ] = _DEFAULT.minimum,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.", rich_help_panel=_OUTPUT)] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Exit with 3 if a limit is passed.", rich_help_panel=_OUTPUT)
    ] = False,
) -> None:
    """Compare a model's outcomes over groups: selection rates, errors, the four-fifths rule.

    A limit counts as passed only where that is significant, with a correction for all comparisons.
    """
    try:
        options = FairnessOptions(reference, impact, opportunity, level, minimum)
    except SettingsError as error:
        raise typer.BadParameter(f"--{str(error).replace('_', '-', 1)}") from None
    rows = table.read(paths, by=group, by_option="--group")
    good = tuple(map(label_text, names(favourable)))
    check_known("--favourable", good, [*rows.predicted, *rows.truth], "label")
    if reference:
        check_known("--reference", [reference], rows.by, "group")
    outcomes = GroupOutcomes(good, window=window, options=options)
    outcomes.update(rows.by, rows.predicted, rows.truth)
    report = outcomes.report()
    problem = rows.problem or _problem(report, group, minimum)
    if as_json:
        told = {"without_prediction": rows.left_out, "notes": rows.notes, "problem": problem}
        # JSON has no NaN: what is unknown is null.
        typer.echo(msgspec.json.encode(asdict(report) | told).decode())
    else:
        _print(report)
        print_notes(rows.notes)
    if problem is not None:
        raise DataError(problem)
    if check and report.violations:
        raise typer.Exit(_FOUND)


def _judged(report: FairnessReport) -> int:
    return len(report.groups) - len(report.too_small)


def _problem(report: FairnessReport, group: str, minimum: int) -> str | None:
    """Say why there are no groups to compare, if fewer than two are judged."""
    there = len(report.groups)
    if there < 2:
        names = "no group" if not there else f"one group only, {report.groups[0].group!r}"
        return f"nothing was judged: {group!r} has {names}; name a column of groups with --group"
    if _judged(report) < 2:
        return (
            f"nothing was judged: {_judged(report):,} of {there:,} groups have {minimum:,} predictions or more; "
            "lower --minimum, or give more data"
        )
    return None


def _print(report: FairnessReport) -> None:
    heading = ("group", "n", "selected", "ratio", "accuracy", "TPR", "FPR", "precision")
    cells = [
        (
            one.group + (" (too small)" if one.too_small else ""),
            f"{one.n:,}",
            _rate(one.selection),
            _figure(one.ratio),
            *map(_rate, (one.accuracy, one.tpr, one.fpr, one.precision)),
        )
        for one in report.groups
    ]
    print_columns([heading, *cells])
    figures: list[tuple[str, Any]] = [
        ("four-fifths rule", report.four_fifths),
        ("disparate impact", _figure(report.disparate_impact)),
        ("demographic parity difference", _figure(report.parity_difference)),
        ("equal opportunity difference", _figure(report.opportunity_difference)),
    ]
    if report.reference:
        figures.insert(0, ("reference", printable(report.reference)))
    if report.left_out:
        figures.append(("without a group", f"{report.left_out:,}"))
    console.print()
    for name, value in figures:
        console.print(Text(f"{name:31}{value}"), soft_wrap=True)
    console.print()
    for violation in report.violations:
        told = f"{violation.criterion}: {violation.summary} (p = {violation.p_value:.2g})"
        console.print(Text(printable(told), "red"), soft_wrap=True)
    if not report.violations and _judged(report) > 1:
        console.print("No limit is significantly passed.")


def _rate(rate: Measured) -> str:
    if not rate.n:
        return "-"
    return f"{100 * rate.value:.1f}% ({100 * rate.low:.1f} to {100 * rate.high:.1f})"


def _figure(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"
