"""The header by which what Streamgauge writes to Kafka is told from events.

A stream that reads it, from the topic itself or from a mirror under another name, would answer each record with a dead
letter or an alert, which it would read next.
"""

from collections.abc import Iterable

from stream_app.events.dead_letter import OUTPUT_HEADER, Header

__all__ = ["output_header", "output_topic"]


def output_header(topic: str) -> Header:
    """Return the header of a record that is written to an output topic."""
    return OUTPUT_HEADER, topic.encode()


def output_topic(headers: Iterable[Header]) -> str | None:
    r"""Return the topic that Streamgauge wrote a record to; None if it did not write it.

    Examples
    --------
    >>> output_topic([("content-type", b"text"), output_header("dead.letters")])
    'dead.letters'
    >>> output_topic([("__streamgauge.output", b"\xff")]), output_topic([])
    ('�', None)
    """
    for name, value in headers:
        if name == OUTPUT_HEADER:
            return (value or b"").decode(errors="replace")[:249]
    return None
