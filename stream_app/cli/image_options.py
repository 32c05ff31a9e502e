"""Options for replays of images."""

from pathlib import Path
from typing import Annotated, cast

import typer

from producers.images.options import CORRUPTIONS, Corruption, ImageOptions, Part
from producers.images.source import PERIOD
from producers.pacing import Pace
from stream_app.errors import SettingsError
from stream_app.settings import parse_duration

__all__ = [
    "CorruptionOption",
    "InOrderOption",
    "LabelDelayOption",
    "LabelsOption",
    "LevelOption",
    "MissingLabelsOption",
    "ModelNameOption",
    "ModelOption",
    "NoLabelsOption",
    "PartOption",
    "SkipPredictionsOption",
    "image_options_of",
]

PANEL = "Images, and the model that judges them"

_LATENCY_SECONDS = 0.5
"""A paced replay works on the images of so much time at once: what is said to it is heard as soon."""

LabelsOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="IDX file of the labels; else the one beside.", rich_help_panel=PANEL),
]
PartOption = Annotated[
    str, typer.Option(help="What to replay of MNIST's parts: test or train.", rich_help_panel=PANEL)
]
InOrderOption = Annotated[
    bool, typer.Option("--in-order", help="As they come; else mixed by --seed.", rich_help_panel=PANEL)
]
ModelOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="The classifier; trained and stored there when missing. Else one in your cache.",
        rich_help_panel=PANEL,
    ),
]
ModelNameOption = Annotated[str, typer.Option(help="Source of the predictions.", rich_help_panel=PANEL)]
SkipPredictionsOption = Annotated[
    bool, typer.Option("--skip-predictions", help="Send features only.", rich_help_panel=PANEL)
]
NoLabelsOption = Annotated[bool, typer.Option("--no-labels", help="Send no labels.", rich_help_panel=PANEL)]
MissingLabelsOption = Annotated[
    float, typer.Option(metavar="SHARE", help="Of labels that never come.", rich_help_panel=PANEL)
]
LabelDelayOption = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="Send each label so much later, in event time, as an event of its own: 30s.",
        rich_help_panel=PANEL,
    ),
]
LevelOption = Annotated[
    int, typer.Option(min=0, max=9, help="How bad the images are, 0 to 9.", rich_help_panel=PANEL)
]
CorruptionOption = Annotated[
    str, typer.Option(help=f"How they are bad: {', '.join(CORRUPTIONS)}.", rich_help_panel=PANEL)
]


def image_options_of(
    *,
    labels: Path | None,
    part: str,
    in_order: bool,
    model: Path | None,
    model_name: str,
    skip_predictions: bool,
    no_labels: bool,
    missing_labels: float,
    label_delay: str | None,
    level: int,
    corruption: str,
    pace: Pace,
    period: float | None,
) -> ImageOptions:
    """Return what was said about images.

    Raises
    ------
    SettingsError
        If it makes no sense.
    """
    return ImageOptions(
        labels=labels,
        part=cast("Part", part),
        in_order=in_order,
        model=model,
        model_name=model_name,
        predictions=not skip_predictions,
        with_labels=not no_labels,
        missing_labels=missing_labels,
        label_delay=_seconds(label_delay) if label_delay is not None else 0.0,
        level=level,
        corruption=cast("Corruption", corruption),
        block=_block(pace, period or PERIOD),
    )


def _seconds(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise SettingsError(f"--label-delay: {error}") from None


def _block(pace: Pace, period: float) -> int:
    rates = [rate for rate in (pace.rate, pace.speed and pace.speed / period) if rate is not None]
    most = ImageOptions().block
    return min(max(int(min(rates) * _LATENCY_SECONDS), 1), most) if rates else most
