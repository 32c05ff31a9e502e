"""Codes of labels, so that whole deliveries can be counted at once."""

from collections.abc import Sequence

__all__ = ["Labels"]


class Labels:
    """Codes of labels, in order of first appearance.

    Parameters
    ----------
    limit : int
        Labels that get a number of their own: their names are the producer's, memory is ours. All others share one.
    known : sequence of str
        Labels met before, in order.

    Examples
    --------
    >>> labels = Labels(limit=2)
    >>> [labels.code(name) for name in ("cat", "dog", "cat", "cow", "pig")]
    [0, 1, 0, 2, 2]
    >>> labels.columns(("dog", "cat"))
    (1, 0)
    """

    def __init__(self, limit: int, known: Sequence[str] = ()) -> None:
        self.limit = limit
        self._codes: dict[str, int] = {name: code for code, name in enumerate(known)}
        # A model names its labels in the same order nearly always.
        self._columns: dict[tuple[str, ...], tuple[int, ...]] = {}

    def __len__(self) -> int:
        return len(self._codes)

    @property
    def names(self) -> list[str]:
        """Labels by code."""
        return list(self._codes)

    def code(self, label: str) -> int:
        """Return the code of a label; `limit` for labels without one of their own."""
        code = self._codes.get(label)
        if code is None:
            code = len(self._codes)
            if code >= self.limit:
                return self.limit
            self._codes[label] = code
        return code

    def columns(self, labels: tuple[str, ...]) -> tuple[int, ...]:
        """Return the codes of several labels."""
        columns = self._columns.get(labels)
        if columns is None:
            columns = tuple(self.code(label) for label in labels)
            # What has no number of its own may be many different ones.
            if len(self._columns) < 8 and self.limit not in columns:
                self._columns[labels] = columns
        return columns
