"""Whether so much was judged that the figures of a backtest say anything, and what to do where it was not."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stream_app.backtesting.tally import SourceTally
from stream_app.settings import SensorStream
from stream_app.settings.durations import format_duration
from stream_app.tables import OptionNames
from stream_app.tables.columns import listed

__all__ = ["Verdict", "fitting_warmup", "nearly_nothing", "verdict_of"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was not judged.

    Parameters
    ----------
    problem : str or None
        Why nothing or nearly nothing was judged, and the remedy: no row was scored, more rows were refused than
        accepted, or more than half of the sources have no scored row with a reading. None where enough was judged.
    notes : tuple of str
        What else no figure counts: refused rows, sources without a scored row, channels without a reading, true events
        that are not seen.
    """

    problem: str | None = None
    notes: tuple[str, ...] = ()


def fitting_warmup(rows: int, least: int, usual: int) -> int | None:
    """Return a warm-up that leaves half of the rows to judge, the usual one at most; None where there are too few.

    Examples
    --------
    >>> fitting_warmup(300, least=30, usual=400), fitting_warmup(5000, least=30, usual=400)
    (150, 400)
    >>> fitting_warmup(50, least=30, usual=400)
    """
    return min(usual, rows // 2) if rows >= 2 * least else None


def nearly_nothing(refused: Mapping[str, int], left_out: Mapping[str, int], first: Mapping[str, str]) -> str:
    """Say that more rows were refused or left out than taken.

    Parameters
    ----------
    refused, left_out : mapping of str to int
        Rows that the monitor refused and rows of the files that are no events, by reason.
    first : mapping of str to str
        The first row that was refused for each reason.

    Examples
    --------
    >>> nearly_nothing({"late": 3}, {}, {"late": "record 2: an hour behind"})
    'nearly nothing was judged: 3 rows were refused or left out, most as late (the first, record 2: an hour behind)'
    """
    rows = {**refused, **left_out}
    reason = max(rows, key=lambda each: rows[each])
    example = f" (the first, {first[reason]})" if reason in first else ""
    total = sum(refused.values()) + sum(left_out.values())
    return f"nearly nothing was judged: {total:,} rows were refused or left out, most as {reason}{example}"


def verdict_of(
    tallies: Mapping[str, SourceTally],
    warmup: int,
    config: SensorStream,
    first_refusals: Mapping[str, str],
    options: OptionNames,
) -> Verdict:
    """Say what was not judged.

    Parameters
    ----------
    tallies : mapping of str to SourceTally
        What was counted of each source.
    warmup : int
        First accepted rows of a source that are not judged.
    config : SensorStream
        Settings of the stream.
    first_refusals : mapping of str to str
        The first row that was refused for each reason.
    options : OptionNames
        For messages.
    """
    refused: Counter[str] = sum((tally.refused for tally in tallies.values()), Counter())
    accepted = sum(tally.accepted for tally in tallies.values())
    unjudged = {name: tally for name, tally in tallies.items() if not tally.judged}
    few = _few(unjudged, len(tallies), warmup, config, options)
    problem = None
    if refused.total() > accepted:
        told = _refused(refused, first_refusals, options)
        rows = refused.total() + accepted
        problem = f"nearly nothing was judged: {refused.total():,} of {rows:,} rows were refused; {told}"
    elif len(unjudged) == len(tallies):
        problem = f"nothing was judged: {few}"
    elif 2 * len(unjudged) > len(tallies):
        problem = f"nearly nothing was judged: {few}"
    notes = [f"first refused as {reason}: {told}" for reason, told in first_refusals.items()]
    if problem is None:
        notes += [_refused(refused, first_refusals, options)] if refused["late"] else []
        notes += [few] if unjudged else []
        notes += _silent(tallies)
    return Verdict(problem, (*notes, *_unseen(tallies, options)))


def _refused(refused: Counter[str], first: Mapping[str, str], options: OptionNames) -> str:
    """Return what to do about the reason of most of the refused rows."""
    reason = refused.most_common(1)[0][0] if not refused["late"] else "late"
    remedies = {
        "late": f"the rows are not in order of time: {options.sort}",
        "duplicate": f"several rows have the same source and time: name the column of sources with {options.source}, "
        f"or a column of finer times with {options.time}",
        "channels": f"name the columns to watch with {options.channels}",
    }
    return remedies.get(reason) or f"the first as {reason}: {first[reason]}"


def _few(
    unjudged: Mapping[str, SourceTally],
    sources: int,
    warmup: int,
    config: SensorStream,
    options: OptionNames,
) -> str:
    if not unjudged:
        return ""
    name, longest = max(unjudged.items(), key=lambda each: each[1].accepted)
    rows = f"{longest.accepted:,} row{'s' * (longest.accepted != 1)}"
    if longest.accepted and all(longest.silent.values()):
        return f"no row of {name!r} has a reading in any channel; choose others with {options.channels}"
    if longest.accepted > warmup:
        return (
            f"the source {name!r} comes back after more than source_ttl, {format_duration(config.source_ttl)}, again and "
            f"again, and learns anew: {rows}, none judged; set source_ttl in the monitor file"
        )
    fits = fitting_warmup(longest.accepted, config.least_warmup(), warmup)
    option = options.warmup if options.warmup.endswith("=") else f"{options.warmup} "
    remedy = f"{option}{fits} fits" if fits else f"at least {2 * config.least_warmup():,} are needed"
    told = f"the warm-up takes the first {warmup:,} rows of a source"
    if sources == 1:
        return f"{told}, and there {'is' if longest.accepted == 1 else 'are'} {rows}; {remedy}, or give more data"
    return f"{told}, and {len(unjudged):,} of {sources:,} sources have no more, {name!r} the most, {rows}; {remedy}, or give more data"


def _silent(tallies: Mapping[str, SourceTally]) -> list[str]:
    heard = {name for tally in tallies.values() for name, silent in tally.silent.items() if not silent}
    silent = [
        name
        for name in dict.fromkeys(c for tally in tallies.values() for c in tally.silent)
        if name not in heard
    ]
    return [f"no row has a reading of {listed(silent)}: nothing was looked at there"] if silent else []


def _unseen(tallies: Mapping[str, SourceTally], options: OptionNames) -> Sequence[str]:
    unseen: Counter[str] = sum((tally.unseen for tally in tallies.values()), Counter())
    notes = []
    if rows := unseen["warm-up"]:
        notes.append(
            f"{rows:,} rows of true anomalies or changes lie in the warm-up: they were learned as normal, and no figure "
            f"counts them; choose another {options.warmup}, or learn from normal operation first ({options.reference})"
        )
    if rows := unseen["refused"]:
        notes.append(f"{rows:,} rows of true anomalies or changes were refused: no figure counts them")
    return notes
