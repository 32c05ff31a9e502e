"""Changing the values of session events on their way, by a schedule."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from producers.batch import Readings
from producers.drift import Injector
from producers.drift.grammar import Change
from producers.sessions.batch import SessionEvents
from stream_app.tables.cells import as_labels

__all__ = ["SessionInjector"]


@dataclass(slots=True)
class SessionInjector:
    """Applies a schedule to the batches of one replay, in order.

    The stream is changed as a whole: times and counts begin with its first event, a size in sd is measured over
    all entities. A change of one entity, ``17850/amount:...``, looks at that entity alone, and comes after those
    of the whole. Touched events get the attribute ``drift``, the changes as they were written.

    Parameters
    ----------
    schedule : sequence of Change
    seed : int
        For noise and dropouts.

    Raises
    ------
    SettingsError
        From `apply`: when a value is not there, or a change in sd begins before there were 30.
    """

    schedule: Sequence[Change]
    seed: int = 0
    _whole: Injector = field(init=False)
    _single: Injector = field(init=False)
    _entities: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        self._whole = Injector([change for change in self.schedule if change.source is None], self.seed)
        self._single = Injector([change for change in self.schedule if change.source is not None], self.seed)
        self._entities = tuple(dict.fromkeys(c.source for c in self.schedule if c.source is not None))

    def apply(self, batch: SessionEvents) -> SessionEvents:
        """Return the batch, changed where the schedule says so; the given one stays as it is."""
        if not len(batch):
            return batch
        everyone = ("", *self._entities)
        code_of = {name: code for code, name in enumerate(everyone)}
        codes = np.array([code_of.get(name, 0) for name in batch.names], dtype=np.int64)[batch.source]
        whole = Readings(("",), np.zeros_like(codes), batch.ts, batch.channels, batch.values)
        changed = self._whole.apply(whole)
        told = changed.labels["drift"]
        if self._entities:
            changed = self._single.apply(replace(changed, names=everyone, source=codes, labels={}))
            told = as_labels(
                [
                    "; ".join(filter(None, both)) or None
                    for both in zip(told, changed.labels["drift"], strict=True)
                ]
            )
        return replace(batch, values=changed.values, attributes={**batch.attributes, "drift": told})
