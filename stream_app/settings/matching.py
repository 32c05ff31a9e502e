"""What alerts and incidents are meant: by routes, maintenance windows, silences and inhibition."""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Field

from stream_app.settings.table import Table

__all__ = ["Match"]

_Glob: TypeAlias = Annotated[str, Field(min_length=1, max_length=256)]


def _several(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Globs: TypeAlias = Annotated[tuple[_Glob, ...], BeforeValidator(_several)]
Kinds: TypeAlias = Annotated[
    tuple[Literal["drift", "changepoint", "anomaly", "quality", "performance"], ...],
    BeforeValidator(_several),
]


class Match(Table):
    """What is meant. All that is said has to hold; what says nothing means all.

    Parameters
    ----------
    stream, source, detector : pattern or list of patterns
        Names, `*` for any characters, `?` for one: `pump-*`.
    kind : text or list of texts
        `drift`, `changepoint`, `anomaly`, `quality` or `performance`.
    severity : text, optional
        At least this: `info`, `warning` or `critical`.
    labels : table
        `route_labels` of the stream, each with a pattern: `{ site = "north*" }`.
    """

    stream: Globs = ()
    source: Globs = ()
    detector: Globs = ()
    kind: Kinds = ()
    severity: Literal["info", "warning", "critical"] | None = None
    labels: dict[str, _Glob] = Field({})
