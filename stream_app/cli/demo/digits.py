"""The demo's images: a camera that fails at once, and a model that goes on as if nothing were."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from rich.table import Table

from producers.drift import parse_levels
from producers.images import MAX_LEVEL, ImageOptions, ImageSource, Stage
from producers.images.batch import Frames, ImageEvents
from producers.images.source import CAMERA, PERIOD
from producers.pacing import Pace
from producers.passes import after
from producers.remote import Remote
from producers.replay import Replay
from stream_app.cli.demo.judging import FALSE
from stream_app.events import Alert, Topics
from stream_app.settings import (
    ImageStream,
    PredictionStream,
    Settings,
    StreamSettings,
)
from stream_app.tables.table import FIRST

__all__ = [
    "IMAGE_STREAMS",
    "MODEL",
    "Finding",
    "cause",
    "digits_later",
    "digits_replay",
    "digits_table",
    "findings",
]

IMAGES = 2000
ONSET = 1000
LEVEL = 6
LABEL_DELAY = 8.0
MODEL = "digits"
SPEED = 2.6
_FAILS = FIRST + ONSET * PERIOD

IMAGE_STREAMS: dict[str, StreamSettings] = {
    "images": ImageStream(),
    "predictions": PredictionStream(baseline=500, window=500, slices=False),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What should be found when the digits get worse, and whether it was.

    Parameters
    ----------
    name : str
    alert : Alert or None
        The first that began after the digits got worse.
    false_alarms : int
        That began before.
    """

    name: str
    alert: Alert | None
    false_alarms: int


def digits_replay(settings: Settings, model: Path, seed: int) -> Replay:
    """Make the replay: the sample's digits round and round, worse from the middle on, their labels a little later.

    Parameters
    ----------
    settings : Settings
        Where to.
    model : Path
        Where the classifier is put.
    seed : int

    Raises
    ------
    SettingsError
        When packages are missing.
    """
    # Small blocks: the worker runs in the same process, and should not wait.
    options = ImageOptions(model=model, model_name=MODEL, label_delay=LABEL_DELAY, block=32)
    source = ImageSource.find(None, options, seed=seed)
    changes = parse_levels(f"level={LEVEL}@#{ONSET}..", MAX_LEVEL)
    topics = Topics(settings.prefix)

    def stage() -> Stage:
        return Stage(CAMERA, options, source.embedding, source.model, changes, seed, Remote(CAMERA))

    return Replay(
        source,
        settings.kafka,
        (topics.images, topics.predictions),
        pace=Pace(speed=SPEED),
        loop=True,
        limit=IMAGES,
        change=stage,
        share=3.0,
    )


def digits_later(replay: Replay, seed: int) -> Replay:
    """Make the replay that goes on behind `digits_replay`, without an end: the camera is mended, and its level is set by others."""
    source = cast(ImageSource, replay.source)
    options = ImageOptions(model_name=MODEL, block=32)
    remote = Remote(CAMERA)

    def stage() -> Callable[[Iterator[Frames]], Iterator[ImageEvents]]:
        later = Stage(CAMERA, options, source.embedding, source.model, (), seed, remote, first=IMAGES)
        return lambda batches: later(after(IMAGES, batches))

    return replace(
        replay, limit=None, change=stage, control=Topics().control, remote=remote, pace=Pace(speed=SPEED)
    )


def cause(alert: Alert) -> str:
    """Say whether an alert of the digits began after they got worse."""
    return "camera fails" if alert.started_at >= _FAILS else FALSE


def findings(alerts: Sequence[Alert]) -> list[Finding]:
    """Look up what was told of the pixels, and what of the model."""
    began = sorted((a for a in alerts if a.begins), key=lambda alert: alert.started_at)
    out = []
    for name, source, kind, detector in (
        ("drift, from the pixels", CAMERA, "drift", ""),
        ("accuracy, before its labels", MODEL, "performance", "estimated_accuracy"),
        ("accuracy, from its labels", MODEL, "performance", "accuracy"),
    ):
        mine = [
            alert
            for alert in began
            if (alert.source, alert.kind) == (source, kind) and detector in {"", alert.detector}
        ]
        after = [alert for alert in mine if alert.started_at >= _FAILS]
        out.append(Finding(name, after[0] if after else None, len(mine) - len(after)))
    return out


def digits_table(found: Sequence[Finding]) -> Table:
    """Show what was found when the digits got worse, and how soon."""
    table = Table(
        title=f"Digits of a camera that fails at image {ONSET:,}",
        title_justify="left",
        box=None,
        pad_edge=False,
    )
    table.add_column("what")
    table.add_column("found after", justify="right")
    table.add_column("false alarms before", justify="right")
    table.add_column("first told as")
    for finding in found:
        if finding.alert is None:
            table.add_row(finding.name, "[red]missed[/red]", str(finding.false_alarms), "")
            continue
        images = (finding.alert.started_at - FIRST) / PERIOD - ONSET
        table.add_row(
            finding.name,
            f"[green]{images:.0f} images[/green]",
            str(finding.false_alarms),
            finding.alert.summary,
        )
    return table
