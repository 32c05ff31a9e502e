"""The text form in which a process exposes its metrics, as Prometheus scrapes it."""

import re
from math import isfinite

from producers.platform.records import Sample
from stream_app.errors import SourceError

__all__ = ["CONTENT_TYPE", "MAX_SAMPLES", "parse_exposition", "parse_labels"]

CONTENT_TYPE = "text/plain;version=0.0.4"
"""What is asked for: without exemplars, names as they are."""

MAX_SAMPLES = 50_000
"""Of one answer; more are an explosion of labels."""

_LABELS = r'\{((?:[^"{}]|"(?:[^"\\\n]|\\.)*")*)\}'
_LINE = re.compile(rf"([a-zA-Z_:][\w:.]*)\s*(?:{_LABELS})?\s*(\S+)(?:\s+(-?\d+))?", re.ASCII)
_LABEL = re.compile(r'\s*([a-zA-Z_]\w*)\s*=\s*"((?:[^"\\\n]|\\.)*)"\s*(?:,|$)', re.ASCII)
_ESCAPE = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "\\": "\\", '"': '"'}


def parse_exposition(text: str, where: str) -> list[Sample]:
    r"""Read samples of the text exposition format, version 0.0.4.

    Parameters
    ----------
    text : str
    where : str
        Its address, for messages.

    Returns
    -------
    list of Sample
        Values that are not finite are left out.

    Raises
    ------
    SourceError
        If a line is none of the format, or there are more than `MAX_SAMPLES`; names the line.

    References
    ----------
    https://prometheus.io/docs/instrumenting/exposition_formats

    Examples
    --------
    >>> parse_exposition('# TYPE up gauge\nup{job="node"} 1\n', "http://w1:9100/metrics")
    [Sample(name='up', labels={'job': 'node'}, value=1.0, ts=None)]
    >>> parse_exposition("<html>", "http://w1/")
    Traceback (most recent call last):
    stream_app.errors.SourceError: http://w1/: line 1 is not in the text format of Prometheus' metrics: '<html>'
    """
    samples: list[Sample] = []
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        sample = _sample(line)
        if sample is None:
            raise SourceError(
                f"{where}: line {number} is not in the text format of Prometheus' metrics: {line[:60]!r}"
            )
        if not isfinite(sample.value):
            continue
        if len(samples) == MAX_SAMPLES:
            raise SourceError(
                f"{where}: more than {MAX_SAMPLES:,} samples; a label of {sample.name} may have a value of its own for "
                "each request"
            )
        samples.append(sample)
    return samples


def parse_labels(text: str) -> dict[str, str] | None:
    """Read the labels of a series as they are written between braces; None where they are no labels.

    Parameters
    ----------
    text : str

    Examples
    --------
    >>> parse_labels('instance="w1", device="sda"'), parse_labels("w1")
    ({'instance': 'w1', 'device': 'sda'}, None)
    """
    labels: dict[str, str] = {}
    at = 0
    while at < len(text.rstrip()):
        found = _LABEL.match(text, at)
        if found is None:
            return None
        name, value = found.groups()
        labels[name] = (
            value if "\\" not in value else _ESCAPE.sub(lambda one: _ESCAPES.get(one[1], one[0]), value)
        )
        at = found.end()
    return labels


def _sample(line: str) -> Sample | None:
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    name, inside, value, stamp = found.groups()
    labels = {} if inside is None else parse_labels(inside)
    if labels is None:
        return None
    try:
        return Sample(name, labels, float(value), None if stamp is None else int(stamp) / 1000.0)
    except (ValueError, OverflowError):
        return None
