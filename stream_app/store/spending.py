"""What streams have spent of their budgets: the incidents that began in a period, by kind."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from stream_app.core.budget import Budget
from stream_app.events import Alert
from stream_app.settings import Settings
from stream_app.store.alerts import sound_alerts
from stream_app.store.connection import Store

__all__ = ["Spending", "budgets_of", "read_begun", "spending"]

_READ_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Spending:
    """What a stream may spend, and has spent, in a period of event time.

    Parameters
    ----------
    stream, budget : str
        Name of the stream, and its budget as the settings have it.
    begin, end : float
        The period, in epoch seconds.
    allowed : float or None
        False alarms that the budget allows in the period; None where it counts events.
    kinds : dict of str to int
        Incidents that page a person, by the kind of the first of their alerts that does.
    notes : int
        Incidents with alerts of severity info only: nobody is paged for them.
    """

    stream: str
    budget: str
    begin: float
    end: float
    allowed: float | None
    kinds: Mapping[str, int]
    notes: int

    @property
    def spent(self) -> int:
        """Incidents that page a person."""
        return sum(self.kinds.values())

    @property
    def left(self) -> float | None:
        """What the budget still allows in the period; below 0 where more was spent."""
        return None if self.allowed is None else self.allowed - self.spent


def budgets_of(settings: Settings) -> list[tuple[str, str]]:
    """Return names and budgets of the streams that have one."""
    budgets = {name: getattr(stream, "budget", None) for name, stream in settings.streams.items()}
    return [(name, text) for name, text in budgets.items() if text is not None]


def spending(alerts: Iterable[Alert], stream: str, budget: str, begin: float, end: float) -> Spending:
    """Add up the incidents of a stream that began in a period.

    Parameters
    ----------
    alerts : iterable of Alert
        Beginnings and ends, of any streams and times.
    stream, budget : str
        See `Spending`.
    begin, end : float
        Epoch seconds; the end is no part of the period.

    Raises
    ------
    SettingsError
        If the budget cannot be read.

    Examples
    --------
    >>> spending([], "pumps", "1 per week", 0.0, 86_400.0 * 14).left
    2.0
    """
    said = Budget.parse(budget)
    kinds, notes = dict[str, str](), set[str]()
    for alert in alerts:
        case = alert.case
        if alert.stream != stream or not alert.begins or not begin <= case.started_at < end:
            continue
        if alert.pages:
            kinds.setdefault(case.id, alert.kind)
        else:
            notes.add(case.id)
    return Spending(
        stream,
        budget,
        begin,
        end,
        None if said.seconds is None else said.allowed(events=0.0, seconds=end - begin),
        dict(sorted(Counter(kinds.values()).items())),
        len(notes - kinds.keys()),
    )


async def read_begun(store: Store, begin: float) -> list[Alert]:
    """Read the beginnings of alerts that were told since a time; at most the 100,000 transitions that are kept.

    Parameters
    ----------
    store : Store
        Where they are.
    begin : float
        Epoch seconds.

    Raises
    ------
    StoreError
        If Redis cannot be reached or refuses.
    """
    # Who only reads may not read it the other way round.
    key, first, last = store.keys.alerts, f"{max(int(begin * 1000.0), 0)}", "+"
    alerts: list[Alert] = []
    async with store.errors("reading alerts"):
        while True:
            entries = await store.client.xrevrange(key, max=last, min=first, count=_READ_AT_ONCE)
            found = sound_alerts((fields.get(b"alert"), key) for _, fields in entries)
            alerts += [alert for alert in found if alert.begins]
            if len(entries) < _READ_AT_ONCE:
                return alerts[::-1]
            last = f"({entries[-1][0].decode()}"
