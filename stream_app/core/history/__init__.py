"""History of sources for charts: buckets of readings, packed for the store, and read as series.

What gathers them is in `recorder`, apart, because who reads them needs no compiled kernels.
"""

from stream_app.core.history.buckets import (
    BUCKET,
    LENGTHS,
    MOST_CHANNELS,
    WIDTHS,
    ClosedBuckets,
    history_layout,
)
from stream_app.core.history.packing import (
    ABSENT,
    ROWS,
    head_of,
    history_bytes,
    parse_history,
    row_type,
    writes_of,
)
from stream_app.core.history.series import Series

__all__ = [
    "ABSENT",
    "BUCKET",
    "LENGTHS",
    "MOST_CHANNELS",
    "ROWS",
    "WIDTHS",
    "ClosedBuckets",
    "Series",
    "head_of",
    "history_bytes",
    "history_layout",
    "parse_history",
    "row_type",
    "writes_of",
]
