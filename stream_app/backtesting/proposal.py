"""Settings that fit a table, each with its reason, as a command line and as a monitor file."""

import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from stream_app.backtesting.look import TableLook
from stream_app.backtesting.show import duration
from stream_app.backtesting.verdict import fitting_warmup
from stream_app.settings import SensorStream

__all__ = ["Proposal", "command_line", "monitor_file", "propose"]

_ENOUGH = 1000
"""Rows in the time of a budget, so that a false alarm is rare among them."""

_SPANS = {"day": 86_400.0, "week": 604_800.0, "month": 2_592_000.0}
_BARE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Proposal:
    """Settings of a stream, each with its reason.

    Parameters
    ----------
    settings : sequence of (name, value, reason)
        As TOML has the values.
    warmup : int or None
        The warm-up among them; None where the rows are too few for any.
    sort : bool
        Whether the rows must be sorted by time first.
    """

    settings: Sequence[tuple[str, str, str]]
    warmup: int | None
    sort: bool


def propose(look: TableLook) -> Proposal:
    """Return settings that fit a table.

    The warm-up is the usual one, or half of the longest source where that is short. The budget allows one false alarm a
    day, week or month: the shortest of them in which all sources together have a thousand rows.
    """
    default = SensorStream()
    longest = max(look.sources.values())
    warmup = fitting_warmup(longest, SensorStream.least_warmup(), default.warmup)
    settings = [("channels", _toml(look.channels), "columns with numbers")]
    units = {
        column.name: column.unit for column in look.columns if column.meaning == "channel" and column.unit
    }
    if units:
        inside = ", ".join(f"{_toml(name)} = {_toml(unit)}" for name, unit in units.items())
        settings.append(("units", f"{{ {inside} }}", "from the names of the columns"))
    if warmup is not None:
        why = f"the usual one, and the longest source has {longest:,} rows"
        if warmup < default.warmup:
            why = f"half of the {longest:,} rows of the longest source: fewer than the usual {default.warmup} would leave"
        settings.append(("warmup", str(warmup), why))
    settings.append(("budget", *_budget(look)))
    if len(look.sources) > 1:
        settings.append(("expected_sources", str(len(look.sources)), "they share the budget"))
    if look.period is not None and 2 * look.period > default.source_ttl:
        days = round(10 * look.period / _SPANS["day"])
        settings.append(
            (
                "source_ttl",
                _toml(f"{days}d"),
                f"a row every {duration(look.period)}: a source is not gone sooner",
            )
        )
    return Proposal(settings, warmup, look.latest > default.lateness)


def _budget(look: TableLook) -> tuple[str, str]:
    seconds = max(look.last - look.first, look.period or 1.0)
    for name, span in _SPANS.items():
        rows = look.rows * span / seconds
        if rows >= _ENOUGH or name == "month":
            break
    return _toml(f"1 per {name}"), f"false alarms, over all sources; a {name} has {rows:,.0f} rows"


def command_line(proposal: Proposal, path: str, said: Sequence[str]) -> str:
    """Return the command that backtests a table as it was understood.

    Parameters
    ----------
    proposal : Proposal
    path : str
        As the user names the table.
    said : sequence of str
        Options by which the table was read.
    """
    settings = {name: value for name, value, _ in proposal.settings}
    words = ["streamgauge", "backtest", path, *said]
    words += ["--warmup", settings["warmup"]] if "warmup" in settings else []
    words += ["--budget", json.loads(settings["budget"])]
    words += ["--sort"] if proposal.sort else []
    return shlex.join(words)


def monitor_file(look: TableLook, proposal: Proposal, stream: str, notes: Sequence[str]) -> str:
    """Return a monitor file with a stream of sensors, and the reason of each setting.

    Parameters
    ----------
    look : TableLook
    proposal : Proposal
    stream : str
        Name of the stream.
    notes : sequence of str
        Said at its beginning, a line each.
    """
    key = stream if _BARE.fullmatch(stream) else _toml(stream)
    lines = [f"# {' '.join(note.split())}" for note in notes]
    lines += ["", f"[streams.{key}]"]
    for name, value, why in proposal.settings:
        lines.append(f"{name} = {value}  # {why}")
    if proposal.warmup is None:
        lines.append(f"# warmup = {SensorStream.least_warmup()}  # too few rows to say: {look.rows:,}")
    lines += ["", "# Where events and state are: for a worker, not for a backtest.", "# [kafka]"]
    lines += ['# bootstrap = "localhost:9092"', "# [redis]", '# url = "redis://localhost:6379/0"', ""]
    return "\n".join(lines)


def _toml(value: str | Sequence[str]) -> str:
    """Return a text or a list of texts; those of TOML are those of JSON."""
    # JSON leaves the control character 127 as it is.
    return json.dumps(value if isinstance(value, str) else list(value), ensure_ascii=False).replace(
        "\x7f", "\\u007f"
    )
