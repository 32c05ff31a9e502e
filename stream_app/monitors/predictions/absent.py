"""Names in the settings of a stream that no event has: a label, a category, a group or a version."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from stream_app.monitors.predictions.answers import Unlabelled
from stream_app.monitors.predictions.columns import Labelled
from stream_app.monitors.predictions.signals import Named, performance_signal
from stream_app.settings.predictions import PredictionStream

__all__ = ["Absent"]

_MOST = 64
"""Different names that are kept for the message: names are the producer's, memory is ours."""

_TOLD = 8
_LONGEST = 40


@dataclass(slots=True)
class _Setting:
    """What one setting names.

    Parameters
    ----------
    names : tuple of str
    after : int
        Labelled predictions after which what is missing is told.
    missing : set of str
        Those that no event had.
    there : dict of str to None
        What events had in their place, in order of appearance.
    """

    names: tuple[str, ...]
    after: int
    missing: set[str] = field(init=False)
    there: dict[str, None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.missing = set(self.names)

    def see(self, name: str) -> None:
        self.missing.discard(name)
        if len(self.there) < _MOST:
            self.there[name] = None


class Absent:
    """Names in the settings that the labelled predictions of one source never have.

    A favourable label of another spelling selects nobody, and fairness looks kept. So each of ``fairness.favourable``,
    ``fairness.groups``, ``fairness.reference`` and ``versions`` raises an alert when a whole window (``fairness.window``, or
    ``window`` for versions) of labelled predictions had none of one of its names. It is over when all have come.

    Parameters
    ----------
    config : PredictionStream
        Settings of the stream.
    """

    def __init__(self, config: PredictionStream) -> None:
        self._settings: dict[str, _Setting] = {}
        self._groups: tuple[str, ...] = ()
        fairness = config.fairness
        if fairness is not None:
            self._groups = fairness.groups
            named = {"favourable": fairness.favourable, "groups": fairness.groups}
            if fairness.reference:
                named["reference"] = (fairness.reference,)
            self._settings |= {
                f"fairness.{name}": _Setting(names, fairness.window) for name, names in named.items()
            }
        if config.versions:
            self._settings["versions"] = _Setting(config.versions, config.window)
        self._labelled = 0
        self._firing: dict[str, None] = {}
        self.summaries: dict[tuple[str, int], str] = {}
        """Summaries of this delivery's signals, by setting and place in the batch."""

    def update(self, columns: Labelled) -> list[Named]:
        """Take labelled predictions."""
        found: list[Named] = []
        rows = zip(columns.row.tolist(), columns.ts.tolist(), columns.items, columns.truths, strict=True)
        for row, ts, item, truth in rows:
            if not any(setting.missing for setting in self._settings.values()):
                break
            self._labelled += 1
            for name, value in self._seen(item, truth):
                self._settings[name].see(value)
            for name, setting in self._settings.items():
                if bool(setting.missing) and self._labelled == setting.after:
                    self._firing[name] = None
                    found.append(self._signal(name, setting, row, ts))
                elif not setting.missing and name in self._firing:
                    del self._firing[name]
                    found.append(self._signal(name, setting, row, ts))
        return found

    def _seen(self, item: Unlabelled, truth: str) -> Iterator[tuple[str, str]]:
        """Give what a labelled prediction has of each setting whose names are not all there."""
        if self._is_open("fairness.favourable"):
            yield from (("fairness.favourable", item.predicted), ("fairness.favourable", truth))
        if self._is_open("fairness.groups"):
            yield from (("fairness.groups", name) for name in item.categories)
        if self._is_open("fairness.reference"):
            groups = (item.categories.get(name) for name in self._groups)
            yield from (("fairness.reference", group) for group in groups if group is not None)
        if self._is_open("versions"):
            yield "versions", item.version

    def _is_open(self, name: str) -> bool:
        return name in self._settings and bool(self._settings[name].missing)

    def _signal(self, name: str, setting: _Setting, row: int, ts: float) -> Named:
        if setting.missing:
            missing = ", ".join(repr(one) for one in setting.names if one in setting.missing)
            there = [repr(one[:_LONGEST]) for one in sorted(setting.there)]
            more = ", …" if len(there) > _TOLD else ""
            self.summaries[name, row] = (
                f"{name}: none of {self._labelled:,} labelled predictions has {missing}; there is "
                f"{', '.join(there[:_TOLD]) or 'none'}{more}"
            )
        return performance_signal(
            "absent", row, ts, channel=name, statistic=float(len(setting.missing)), threshold=0.0,
            ended=not setting.missing,
        )  # fmt: skip

    def state(self) -> dict[str, Any]:
        """Plain values for `restore`."""
        return {
            "labelled": self._labelled,
            "firing": list(self._firing),
            "settings": {
                name: {
                    "names": list(one.names),
                    "after": one.after,
                    "missing": sorted(one.missing),
                    "there": list(one.there),
                }
                for name, one in self._settings.items()
            },
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore from `state`; all starts afresh where the settings name something else now."""
        stored = state["settings"]
        named = {name: (list(one["names"]), one["after"]) for name, one in stored.items()}
        if named != {name: (list(one.names), one.after) for name, one in self._settings.items()}:
            return
        self._labelled = int(state["labelled"])
        self._firing = dict.fromkeys(name for name in state["firing"] if name in self._settings)
        for name, one in self._settings.items():
            one.missing = set(stored[name]["missing"]) & set(one.names)
            one.there = dict.fromkeys(map(str, stored[name]["there"]))
