"""A hard bound on the number of alarms, whatever the stream does."""

__all__ = ["AlarmBudget"]


class AlarmBudget:
    r"""Raise the level of alarm while more alarms come than the budget has earned.

    The level that a model of normal operation gives for a rate is right as far as the model is. Bursty or
    restless sources break any such model, and would alarm for ever. So every alarm is booked: the debt grows by one
    an alarm and shrinks by `rate` an event, and while it is d > free the level is multiplied by
    :math:`growth^{d-free}`. One alarm per 1 / rate events changes nothing; the second within that time has to be
    clearer, the third clearer still. As scores are bounded by some S, n events cannot raise more than

    .. math:: 1 + free + rate \cdot n + \log(S / level) / \log(growth)

    alarms. This holds for any data and any dependence. It is a bound on all alarms: true ones are booked too,
    because nothing tells them apart.

    Parameters
    ----------
    rate : float
        Alarms per event.
    level : float
        Level of alarm without debt.
    free : float
        Debt that does not yet raise the level.
    growth : float
        Factor of the level per alarm in debt beyond that.

    Notes
    -----
    The idea of steering a level by the alarms it raised is that of adaptive conformal inference (I. Gibbs and
    E. Candes 2021, Adaptive conformal inference under distribution shift, NeurIPS); the booking is a token bucket.

    Examples
    --------
    >>> budget = AlarmBudget(rate=0.001, level=4.0)
    >>> budget.charge()
    >>> budget.charge()
    >>> budget.level
    6.0
    >>> budget.earn(1000)
    >>> budget.level
    4.0
    """

    def __init__(self, rate: float, level: float, free: float = 1.0, growth: float = 1.5) -> None:
        self.rate = rate
        self.debt = 0.0
        self._free = free
        self._level = level
        self._growth = growth

    @property
    def level(self) -> float:
        """The level that an alarm takes now."""
        return float(self._level * self._growth ** max(0.0, self.debt - self._free))

    def charge(self) -> None:
        """Book an alarm."""
        self.debt += 1.0

    def earn(self, events: int) -> None:
        """Book events."""
        self.debt = max(0.0, self.debt - self.rate * events)
