"""Base models of tables of the monitor file."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

__all__ = ["FileName", "Stream", "Table", "TopicName"]

_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")


def _topic_name(name: str) -> str:
    if not _TOPIC.fullmatch(name) or name in (".", ".."):
        raise ValueError(
            f"{name[:80]!r} is no name that Kafka takes: 1 to 249 of the letters a to z and A to Z, digits, '.', '_' and '-'"
        )
    return name


TopicName = Annotated[str, AfterValidator(_topic_name)]
"""The name of a topic of Kafka."""

FileName = Annotated[str, Field(min_length=1, max_length=4096)]
"""The name of a file."""

LabelName = Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]{0,99}$")]
"""The name of a label, as Alertmanager takes it."""


class Table(BaseModel):
    """Base model of a table: an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Stream(Table):
    """A stream, of whatever kind: the base of the settings of each kind.

    Parameters
    ----------
    kind : str
        Name of the kind; its default is that of the model.
    topic : str, optional
        The topic to read; that of the kind by default.
    on_bad_batch : str
        ``stop`` or ``skip``: what becomes of a batch on Kafka that cannot be read, because it is damaged, too large when
        decompressed, or of a format that is not known. One that is skipped leaves a dead letter.
    route_labels : table
        Names and texts by which routes choose and group its alerts, such as ``{ site = "north" }``.
    """

    kind: str
    topic: TopicName | None = None
    on_bad_batch: Literal["stop", "skip"] = "stop"
    route_labels: dict[LabelName, Annotated[str, Field(max_length=256)]] = Field({})

    @property
    def expected_bytes(self) -> int:
        """Memory that the states of the sources that are expected take; 0 where none are."""
        return 0
