"""Which service calls which."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Self

from stream_app.errors import DataError

__all__ = ["CallGraph", "call_of"]

_CALLS = "traces_service_graph_request_total"


def call_of(name: str, labels: Iterable[tuple[str, str]]) -> tuple[str, str] | None:
    """Return caller and callee where a metric is OpenTelemetry's count of the requests between two services.

    References
    ----------
    OpenTelemetry Collector, service graph connector.

    Examples
    --------
    >>> call_of("traces_service_graph_request_total", (("client", "shop"), ("server", "pay")))
    ('shop', 'pay')
    """
    if name != _CALLS:
        return None
    values = dict(labels)
    caller, callee = values.get("client"), values.get("server")
    return (caller, callee) if caller and callee else None


@dataclass(frozen=True, slots=True)
class CallGraph:
    """Which service calls which, as pairs of caller and callee; calls of a service to itself say nothing and are left out.

    Parameters
    ----------
    calls : frozenset of (str, str)
        Caller and callee of each edge. Cycles are allowed.

    Examples
    --------
    >>> graph = CallGraph.from_depends_on({"shop": ["search", "pay"], "pay": ["database"]})
    >>> graph.callees("shop")
    ('pay', 'search')
    """

    calls: frozenset[tuple[str, str]]

    @classmethod
    def from_edges(cls, edges: Iterable[tuple[str, str]]) -> Self:
        """Return the graph of pairs of caller and callee."""
        return cls(frozenset((caller, callee) for caller, callee in edges if caller != callee))

    @classmethod
    def from_depends_on(cls, table: Mapping[str, Iterable[str]]) -> Self:
        """Return the graph of a table of services and those that each of them calls."""
        return cls.from_edges((caller, callee) for caller, callees in table.items() for callee in callees)

    @classmethod
    def from_csv(cls, lines: Iterable[str]) -> Self:
        """Read an adjacency matrix (callers down, callees across, 1 where one calls the other) or a list of edges.

        Parameters
        ----------
        lines : iterable of str
            Lines of the file. A matrix has an empty first cell; a list has two columns, caller and callee,
            under a head of any two names.

        Returns
        -------
        CallGraph
            The calls.

        Raises
        ------
        DataError
            Where a row has other columns than the head, or a cell of a matrix is no number.

        Examples
        --------
        >>> matrix = CallGraph.from_csv([",shop,pay", "shop,0,1", "pay,0,0"])
        >>> edges = CallGraph.from_csv(["caller,callee", "shop,pay"])
        >>> matrix == edges
        True
        """
        rows = csv.reader(lines)
        head = next(rows, [])
        if head and not head[0].strip():
            return cls.from_edges(_matrix_edges(head, rows))
        if len(head) < 2:
            raise DataError(
                "the call graph has no columns; give a matrix of services, or two columns, caller and callee"
            )
        return cls.from_edges(_listed_edges(rows))

    def callees(self, service: str) -> tuple[str, ...]:
        """Return the services that one calls, by name."""
        return tuple(sorted(callee for caller, callee in self.calls if caller == service))

    def among(self, services: Iterable[str]) -> "CallGraph":
        """Return the calls among some services, those through others included.

        A service without metrics of its own lies between two that have some; what passes it passes through.

        Examples
        --------
        >>> graph = CallGraph.from_edges([("shop", "gateway"), ("gateway", "pay"), ("pay", "database")])
        >>> sorted(graph.among(["shop", "pay"]).calls)
        [('shop', 'pay')]
        """
        kept = frozenset(services)
        below = self._table()
        return CallGraph.from_edges(
            (caller, callee) for caller in kept for callee in _reached(caller, below, kept)
        )

    def _table(self) -> dict[str, list[str]]:
        below: dict[str, list[str]] = {}
        for caller, callee in sorted(self.calls):
            below.setdefault(caller, []).append(callee)
        return below


def _reached(caller: str, below: Mapping[str, list[str]], kept: frozenset[str]) -> set[str]:
    """Return the kept services that one reaches without passing another kept one."""
    found: set[str] = set()
    seen = {caller}
    waiting = list(below.get(caller, ()))
    while waiting:
        service = waiting.pop()
        if service in seen:
            continue
        seen.add(service)
        if service in kept:
            found.add(service)
        else:
            waiting.extend(below.get(service, ()))
    return found


def _matrix_edges(head: list[str], rows: Iterable[list[str]]) -> Iterable[tuple[str, str]]:
    for number, row in enumerate(rows, start=2):
        if not row:
            continue
        if len(row) != len(head):
            raise DataError(
                f"line {number} of the call graph has {len(row)} cells under a head of {len(head)}; give one for each service"
            )
        for callee, cell in zip(islice(head, 1, None), islice(row, 1, None), strict=True):
            try:
                calls = float(cell or 0) > 0
            except ValueError as error:
                raise DataError(
                    f"line {number} of the call graph has {cell!r} under {callee!r}; give 1 where one calls the other, else 0"
                ) from error
            if calls:
                yield row[0].strip(), callee.strip()


def _listed_edges(rows: Iterable[list[str]]) -> Iterable[tuple[str, str]]:
    for number, row in enumerate(rows, start=2):
        if not row:
            continue
        if len(row) < 2 or not row[0].strip() or not row[1].strip():
            raise DataError(
                f"line {number} of the call graph names no caller and callee; give both, separated by a comma"
            )
        yield row[0].strip(), row[1].strip()
