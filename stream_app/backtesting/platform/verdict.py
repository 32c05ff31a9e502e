"""Whether so much of a platform was judged that a backtest says anything of it."""

from collections.abc import Mapping

from stream_app.backtesting.platform.run import PlatformBacktest

__all__ = ["unjudged"]


def unjudged(backtest: PlatformBacktest, left_out: Mapping[str, int]) -> str | None:
    """Return why nothing or nearly nothing was judged, and the remedy; None where enough was.

    Parameters
    ----------
    backtest : PlatformBacktest
    left_out : mapping of str to int
        Rows of the files that are no records, by reason.
    """
    refused = backtest.refused.total() + sum(left_out.values())
    if refused > backtest.rows:
        reason = max({**backtest.refused, **left_out}.items(), key=lambda each: each[1])[0]
        first = backtest.first_refusals.get(reason)
        example = "" if first is None else f" (the first, {first})"
        return (
            f"nearly nothing was judged: {refused:,} rows were refused or left out, most as {reason}{example}"
        )
    longest = max((len(one.ends) for one in backtest.windows.values()), default=0)
    if longest <= backtest.config.warmup:
        return (
            f"nothing was judged: the first {backtest.config.warmup:,} windows of {backtest.config.window:g} s are learned from, "
            f"and there are {longest:,} at most; give more data, or set fewer with --warmup"
        )
    return None
