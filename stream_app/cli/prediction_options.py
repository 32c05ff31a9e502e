"""Options for files of predictions: what their columns mean."""

from typing import Annotated

import typer

from producers.predictions import PredictionColumns
from producers.sessions import SessionColumns
from producers.sources import Columns

__all__ = [
    "PANEL",
    "LatencyColumnOption",
    "PredictionColumnOption",
    "ProbabilitiesOption",
    "VersionColumnOption",
    "prediction_columns_of",
]

PANEL = "Columns of predictions (found out where there is no doubt)"

PredictionColumnOption = Annotated[
    str | None, typer.Option(help="What the model said; else prediction or y_pred.", rich_help_panel=PANEL)
]
VersionColumnOption = Annotated[
    str | None,
    typer.Option(help="Version of the model; else version or model_version.", rich_help_panel=PANEL),
]
LatencyColumnOption = Annotated[
    str | None, typer.Option(help="Seconds until it answered; else latency.", rich_help_panel=PANEL)
]
ProbabilitiesOption = Annotated[
    str,
    typer.Option(
        metavar="PREFIX", help="Of columns with a label's probability each: p_cat.", rich_help_panel=PANEL
    ),
]


def prediction_columns_of(
    columns: Columns,
    sessions: SessionColumns,
    *,
    prediction: str | None,
    version: str | None,
    latency: str | None,
    probabilities: str,
) -> PredictionColumns:
    """Return what the options say of the columns, those of other kinds of files that mean the same among them."""
    return PredictionColumns(
        prediction=prediction,
        label=columns.labels[0] if columns.labels else None,
        version=version,
        id=sessions.id,
        latency=latency,
        time=columns.time,
        source=columns.source,
        probabilities=probabilities,
        features=columns.channels,
        categories=sessions.attributes,
        delimiter=columns.delimiter,
        name=columns.name,
    )
