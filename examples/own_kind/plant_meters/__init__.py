"""A kind of stream of one's own: power meters that send lines like ``m-17;1770000000;L1=230.1;L2=229.8``.

They are watched like sensors; what differs is how an event is written. Installed with ``pip install examples/own_kind``, a
stream of this kind is a table of the monitor file: ``[streams.hall]`` with ``kind = "meters"``.
"""

from typing import Any, Literal

import msgspec

from stream_app.kinds import Kind
from stream_app.kinds.sensors import check_stream, make_monitor
from stream_app.settings import SensorStream

__all__ = ["METERS", "MeterStream", "agent"]


class MeterStream(SensorStream):
    """A stream of lines of power meters. The settings are those of a stream of sensors."""

    kind: Literal["meters"] = "meters"
    budget: str = "1 per week"


def translate(line: bytes | None) -> bytes | None:
    """Return the JSON of a sensor's reading for a line; a line that cannot be read as it is, so that it is refused."""
    try:
        source, ts, *pairs = (line or b"").decode().strip().split(";")
        values = {name: float(value) for name, value in (pair.split("=") for pair in pairs)}
        return msgspec.json.encode({"source": source, "ts": float(ts), "values": values})
    except ValueError:
        return line


def agent(name: str, topic: str, context: Any) -> Any:
    """Return the agent of a worker that processes a stream of meters."""
    # Commands that only look at the settings need none of the worker's modules.
    from stream_app.runtime.assembly import reading_agent  # noqa: PLC0415 as above
    from stream_app.runtime.sources import reading_decoder  # noqa: PLC0415 as above

    return reading_agent(name, topic, context, reading_decoder(translate))


METERS = Kind(
    settings=MeterStream,
    topic=lambda topics: topics.named("meters"),
    check=check_stream,
    agent="plant_meters:agent",
    monitor=make_monitor,
    backtest="stream_app.cli.backtest.sensors:prepare",
)
