"""The bar that evidence must reach: each alarm doubles it, and it sinks back as the budget accrues."""

__all__ = ["alarms_owed", "raised_bar"]

_MOST_DEBT = 6.0  # doublings of the bar at most


def alarms_owed(owed: float, rate: float, events: int) -> float:
    """Return the alarms that the budget has not yet paid for.

    Parameters
    ----------
    owed : float
        Those at the restart, the alarm that led to it among them.
    rate : float
        False alarms per event that are paid for.
    events : int
        Events since.

    Examples
    --------
    >>> alarms_owed(1.5, 0.001, 1000), alarms_owed(1.5, 0.001, 2000)
    (0.5, 0.0)
    """
    return max(0.0, owed - rate * events)


def raised_bar(owed: float) -> float:
    """Return what thresholds are multiplied by while so many alarms are owed.

    While nothing changes, alarms are rarer than the budget pays for and it makes little difference; in a plant that
    breaks the assumptions, and alarms more often than it should, this is what keeps the budget.

    Examples
    --------
    >>> raised_bar(0.0), raised_bar(1.5), raised_bar(100.0)
    (1.0, 2.8284271247461903, 64.0)
    """
    return float(2.0 ** min(owed, _MOST_DEBT))
