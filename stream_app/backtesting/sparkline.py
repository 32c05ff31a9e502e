"""The values around an alert as a small picture, for pages."""

from html import escape

from stream_app.backtesting.episodes import AlertEpisode

__all__ = ["sparkline_svg"]

_WIDTH, _HEIGHT = 192.0, 32.0
_STEP = 3.0
"""Width of a point."""


def sparkline_svg(episode: AlertEpisode) -> str:
    """Return an SVG of the values of an alert: the usual band grey, a line at its beginning; empty where it has none."""
    alert = episode.ended or episode.began
    excerpt, band = alert.excerpt, alert.usual_band
    known = [] if excerpt is None else [value for value in excerpt.values if value is not None]
    if excerpt is None or not known:
        return ""
    ends = [*known, *(band or ())]
    low, high = min(ends), max(ends)
    # In halves, since the distance of two numbers may overflow.
    span = high / 2.0 - low / 2.0

    def y(value: float) -> float:
        share = (value / 2.0 - low / 2.0) / span if span > 0.0 else 0.5
        return round(1.0 + (1.0 - share) * (_HEIGHT - 2.0), 1)

    parts = [
        f'<svg width="{_WIDTH:g}" height="{_HEIGHT:g}">',
        f"<title>{escape(excerpt.channel)}</title>",
    ]
    if band is not None:
        top = y(band[1])
        parts.append(
            f'<rect y="{top:g}" width="{_WIDTH:g}" height="{max(y(band[0]) - top, 0.5):.1f}" fill="#e4e7eb"/>'
        )
    at = (excerpt.after - 0.5) * _STEP
    parts.append(f'<line x1="{at:g}" x2="{at:g}" y2="{_HEIGHT:g}" stroke="#cf222e"/>')
    # What is missing divides the line.
    path, pen = "", "M"
    for place, value in enumerate(excerpt.values):
        if value is None:
            pen = "M"
        else:
            path += f"{pen}{place * _STEP:g} {y(value):g}h.1"
            pen = "L"
    return "".join((*parts, f'<path d="{path}" fill="none" stroke="#1b1f24"/></svg>'))
