"""The values around an alert as a line of blocks."""

from rich.text import Text

from stream_app.events import Alert, Excerpt
from stream_app.settings.durations import format_duration

__all__ = ["sparkline"]

_BLOCKS = "▁▂▃▄▅▆▇█"
_NONE, _BEGINNING = " ", "|"
_OUT = "red"

_Band = tuple[float, float] | None


def sparkline(alert: Alert) -> tuple[Text, str] | None:
    """Return the values of an alert's excerpt as blocks, those out of the usual band in colour, and what they are.

    The lowest block is the smallest value or the lower end of the band; a bar stands after the beginning.

    Returns
    -------
    (Text, str) or None
        None where the alert has no values.

    Examples
    --------
    >>> from stream_app.events import LogId
    >>> alert = Alert.begun(
    ...     "pumps", "pump-1", "anomaly", LogId(0), 7, kind="anomaly", started_at=9.0, statistic=9.0, threshold=5.0,
    ...     summary="flow fell", context={"usual_low": 120.0, "usual_high": 128.0},
    ...     excerpt=Excerpt(channel="flow", seconds=(-2.0, -1.0, 0.0, 1.0), values=(124.0, None, 61.0, 125.0)),
    ... )
    >>> line, words = sparkline(alert)
    >>> line.plain, words
    ('█ ▁|█', 'flow from 61 to 125, usual 120 to 128; from 2 s before the beginning to 1 s after it')
    """
    excerpt, band = alert.excerpt, alert.usual_band
    known = [] if excerpt is None else [value for value in excerpt.values if value is not None]
    if excerpt is None or not known:
        return None
    ends = [*known, *(band or ())]
    return _line(excerpt, min(ends), max(ends), band), _words(excerpt, min(known), max(known), band)


def _line(excerpt: Excerpt, low: float, high: float, band: _Band) -> Text:
    line = Text()
    for place, value in enumerate(excerpt.values):
        if place == excerpt.after:
            line.append(_BEGINNING)
        if value is None:
            line.append(_NONE)
        else:
            out = band is not None and not band[0] <= value <= band[1]
            line.append(_block(value, low, high), style=_OUT if out else "")
    return line


def _block(value: float, low: float, high: float) -> str:
    # In halves, since the distance of two numbers may overflow.
    span = high / 2.0 - low / 2.0
    share = (value / 2.0 - low / 2.0) / span if span > 0.0 else 0.5
    return _BLOCKS[min(int(share * len(_BLOCKS)), len(_BLOCKS) - 1)]


def _words(excerpt: Excerpt, low: float, high: float, band: _Band) -> str:
    usual = "" if band is None else f", usual {band[0]:.6g} to {band[1]:.6g}"
    until = f"to {format_duration(last)} after it" if (last := excerpt.seconds[-1]) > 0.0 else "to it"
    return (
        f"{excerpt.channel} from {low:.6g} to {high:.6g}{usual}; "
        f"from {format_duration(-excerpt.seconds[0])} before the beginning {until}"
    )
