"""``streamgauge replay images``: features of images, and a model's predictions."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, cast

import typer

from producers.drift import parse_levels
from producers.images import MAX_LEVEL, ImageOptions, ImageSource, Stage
from producers.images.find import find_images
from producers.images.options import CORRUPTIONS, Corruption, Part
from producers.images.registering import register_classifier
from producers.images.source import CAMERA, PERIOD
from producers.pacing import Pace
from producers.progress import Progress
from producers.remote import Remote
from stream_app.cli.models.deeds import register
from stream_app.cli.options import LabelDelayOption, delay_of, settings_of
from stream_app.cli.replay.options import CHANGE, SOURCE, ReplayOptions, SeedOption
from stream_app.cli.replay.run import Opened, absolute, replay
from stream_app.cli.who import name_of
from stream_app.errors import SettingsError
from stream_app.model_registry import ModelRegistry, RegisteredVersion, VersionState, find_version
from stream_app.settings import Settings

__all__ = ["EXAMPLES", "images"]

EXAMPLES = """
Examples:

streamgauge replay images --drift "level=3@#400.." --speed real

streamgauge replay images MNIST --label-delay 30s --drift "level=5@#2000..~#3000"

streamgauge replay images pictures/ --skip-predictions
"""

_MODEL = "The model that judges them"

_LATENCY_SECONDS = 0.5
"""A paced replay works on the images of so much time at once: what is said to it is heard as soon."""


@dataclass(frozen=True, slots=True)
class PictureOptions:
    """Which images, and how bad they are."""

    source: Annotated[
        str, typer.Option(metavar="NAME", help="Name of the camera.", rich_help_panel=SOURCE)
    ] = CAMERA
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="IDX file of the labels; by default the one beside the images.",
            rich_help_panel=SOURCE,
        ),
    ] = None
    part: Annotated[
        str, typer.Option(help="Part of MNIST to replay: test or train.", rich_help_panel=SOURCE)
    ] = "test"
    in_order: Annotated[
        bool,
        typer.Option(
            "--in-order",
            help="Keep the order of the images; by default shuffled by --seed.",
            rich_help_panel=SOURCE,
        ),
    ] = False
    period: Annotated[
        float, typer.Option(metavar="SECONDS", help="Event time from image to image.", rich_help_panel=SOURCE)
    ] = PERIOD
    level: Annotated[
        int,
        typer.Option(
            min=0, max=MAX_LEVEL, help="How degraded the images are, 0 to 9.", rich_help_panel=CHANGE
        ),
    ] = 0
    corruption: Annotated[
        str, typer.Option(help=f"How they are degraded: {', '.join(CORRUPTIONS)}.", rich_help_panel=CHANGE)
    ] = "all"
    drift: Annotated[
        str | None,
        typer.Option(
            metavar="SCHEDULE",
            help='Changes of the level: "level=3@#400..; level=9@2h..~30m".',
            rich_help_panel=CHANGE,
        ),
    ] = None
    seed: SeedOption = 0


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """Which model judges the images, and what is sent of it."""

    model: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="File of the classifier, trained and stored if missing; by default in your cache.",
            rich_help_panel=_MODEL,
        ),
    ] = None
    model_name: Annotated[str, typer.Option(help="Source of the predictions.", rich_help_panel=_MODEL)] = (
        "digits"
    )
    skip_predictions: Annotated[
        bool, typer.Option("--skip-predictions", help="Send features only.", rich_help_panel=_MODEL)
    ] = False
    no_labels: Annotated[
        bool, typer.Option("--no-labels", help="Send no labels.", rich_help_panel=_MODEL)
    ] = False
    missing_labels: Annotated[
        float,
        typer.Option(metavar="SHARE", help="Share of labels that are never sent.", rich_help_panel=_MODEL),
    ] = 0.0
    label_delay: LabelDelayOption = None
    register: Annotated[
        bool,
        typer.Option(
            "--register",
            help="Register the classifier first, under its --model-name; once for the same images.",
            rich_help_panel=_MODEL,
        ),
    ] = False


def images(
    path: Annotated[
        str | None,
        typer.Argument(
            metavar="[PATH]",
            help="A folder of pictures or of MNIST's files, or one IDX file; by default a sample of digits.",
        ),
    ] = None,
    *,
    pictures: PictureOptions,
    model: ModelOptions,
    options: ReplayOptions,
) -> None:
    """Replay features of images and predictions of a model: MNIST, folders of pictures, a sample of digits.

    Ctrl-C stops cleanly; --resume continues from there, after a crash too, without repeating or skipping an event.
    replay-control changes the level while it runs.
    """
    remote = Remote(pictures.source)

    def opened(pace: Pace, progress: Progress, _: object) -> Opened:
        if pictures.period <= 0.0:
            raise SettingsError(f"--period {pictures.period:g}: expected more than 0 seconds")
        said = _image_options(pictures, model, pace)
        changes = parse_levels(pictures.drift, MAX_LEVEL) if pictures.drift else ()
        source = ImageSource.find(path, said, period=pictures.period, seed=pictures.seed, note=progress.note)
        if model.register:
            progress.note(_register(path, said, source, settings_of(options.config)))
        late = (1.0 - said.missing_labels) if said.label_delay and said.with_labels else 0.0

        def stage() -> Stage:
            return Stage(
                camera=pictures.source,
                options=said,
                embedding=source.embedding,
                model=source.model,
                changes=changes,
                seed=pictures.seed,
                remote=remote,
            )

        return Opened(
            source=source,
            kinds=("images", "predictions") if said.predictions else ("images",),
            keys=("source", "sources"),
            place=(*absolute([path] if path else []), pictures.source),
            change=stage,
            settings=f"{pictures.drift} {pictures.seed} {said.identity}",
            share=1.0 + (1.0 + late if said.predictions else 0.0),
            remote=remote,
        )

    replay(options, "images", opened)


def _register(path: str | None, said: ImageOptions, source: ImageSource, settings: Settings) -> str:
    """Register the classifier if it is not registered yet, and say which version it is."""
    if source.model is None:
        raise SettingsError("--register: --skip-predictions leaves no model to register")
    name, model = said.model_name, source.model
    models = ModelRegistry.open(settings)
    known = models.versions(name, figures=0) if name in models.names() else []
    there = find_version([one for one in known if one.state is VersionState.COMPLETE], model.version)
    if there is not None:
        return f"{model.version} is registered as {there.label} already"
    found = find_images(path, said)

    def work(registry: ModelRegistry) -> RegisteredVersion:
        return register_classifier(
            registry, name, model, training=found.training, later=found.shown, source=found.place
        )

    return f"registered {model.version} as {register(settings, name, work, by=name_of(None)).label}"


def _image_options(pictures: PictureOptions, model: ModelOptions, pace: Pace) -> ImageOptions:
    return ImageOptions(
        labels=pictures.labels,
        part=cast("Part", pictures.part),
        in_order=pictures.in_order,
        model=model.model,
        model_name=model.model_name,
        predictions=not model.skip_predictions,
        with_labels=not model.no_labels,
        missing_labels=model.missing_labels,
        label_delay=delay_of(model.label_delay),
        level=pictures.level,
        corruption=cast("Corruption", pictures.corruption),
        block=_block(pace, pictures.period),
    )


def _block(pace: Pace, period: float) -> int:
    rates = [rate for rate in (pace.rate, pace.speed and pace.speed / period) if rate is not None]
    most = ImageOptions().block
    return min(max(int(min(rates) * _LATENCY_SECONDS), 1), most) if rates else most
