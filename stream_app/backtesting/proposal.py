"""Settings that fit a table, each with its reason, as a command line and as a monitor file."""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias

from stream_app.backtesting.look import TableLook
from stream_app.backtesting.show import duration
from stream_app.backtesting.verdict import fitting_warmup
from stream_app.settings import SensorStream

__all__ = [
    "Proposal",
    "Setting",
    "command_line",
    "monitor_file",
    "propose",
    "propose_budget",
    "toml_value",
]

Setting: TypeAlias = tuple[str, str, str]
"""Name, value as TOML has it, and reason."""

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

    settings: Sequence[Setting]
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
    if look.units:
        settings.append(("units", toml_value(look.units), "as the table says them"))
    if warmup is not None:
        why = f"the usual one, and the longest source has {longest:,} rows"
        if warmup < default.warmup:
            why = f"half of the {longest:,} rows of the longest source: fewer than the usual {default.warmup} would leave"
        settings.append(("warmup", str(warmup), why))
    settings.append(propose_budget(look.rows / max(look.last - look.first, look.period or 1.0)))
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


def propose_budget(rows_a_second: float) -> tuple[str, str, str]:
    """Return the setting of a budget: a false alarm in the shortest time in which there are a thousand rows."""
    for name, span in _SPANS.items():
        rows = rows_a_second * span
        if rows >= _ENOUGH or name == "month":
            break
    return "budget", _toml(f"1 per {name}"), f"false alarms, over all sources; a {name} has {rows:,.0f} rows"


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


def monitor_file(
    stream: str,
    settings: Sequence[Setting],
    notes: Sequence[str],
    *,
    mapping: Mapping[str, Any] | None = None,
    reasons: Mapping[str, str] = MappingProxyType({}),
    kafka: str | None = None,
) -> str:
    """Return a monitor file with a stream of sensors, and the reason of each setting.

    Parameters
    ----------
    stream : str
        Name of the stream.
    settings : sequence of (name, value, reason)
        As TOML has the values.
    notes : sequence of str
        Said at its beginning, a line each.
    mapping : mapping, optional
        Where the parts of a reading are in messages.
    reasons : mapping
        Why, of those of its settings that need a word.
    kafka : str, optional
        Address of Kafka.
    """
    key = stream if _BARE.fullmatch(stream) else _toml(stream)
    lines = [f"# {' '.join(note.split())}" for note in notes]
    lines += ["", f"[streams.{key}]"]
    lines += [f"{name} = {value}  # {' '.join(why.split())}" for name, value, why in settings]
    if mapping:
        lines += ["", f"[streams.{key}.mapping]"]
        lines += [
            f"{name} = {toml_value(value)}" + (f"  # {reasons[name]}" if name in reasons else "")
            for name, value in mapping.items()
        ]
    if kafka is None:
        lines += ["", "# Where events and state are: for a worker, not for a backtest."]
        lines += ["# [kafka]", '# bootstrap = "localhost:9092"']
    else:
        lines += ["", "[kafka]", f"bootstrap = {_toml(kafka)}"]
    return "\n".join([*lines, "# [redis]", '# url = "redis://localhost:6379/0"', ""])


def toml_value(value: Any) -> str:
    """Return a text, a list or a table of texts as TOML.

    Examples
    --------
    >>> toml_value({"a b": "data.q"}), toml_value(["x"])
    ('{ "a b" = "data.q" }', '["x"]')
    """
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{_toml(name)} = {_toml(one)}' for name, one in value.items())} }}"
    return _toml(value)


def _toml(value: str | Sequence[str]) -> str:
    """Return a text or a list of texts; those of TOML are those of JSON."""
    # JSON leaves the control character 127 as it is.
    return json.dumps(value if isinstance(value, str) else list(value), ensure_ascii=False).replace(
        "\x7f", "\\u007f"
    )
