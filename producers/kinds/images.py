"""Images: MNIST's files, folders of pictures, or a sample of digits, with a model's predictions beside them."""

from dataclasses import dataclass

from producers.batch import Source
from producers.images import ImageSource, Stage, parse_levels
from producers.kinds.kind import Change, Selection, refuse
from stream_app.errors import SettingsError
from stream_app.events import Topics

__all__ = ["CAMERA", "KIND", "Images"]

CAMERA = "camera-1"
"""Name of the camera where nobody says another."""


@dataclass(frozen=True, slots=True)
class Images:
    """The kind ``images``."""

    name: str = "images"
    about: str = (
        "features of images and predictions of a model: MNIST, folders of pictures, a sample of digits"
    )
    keys: tuple[str, str] = ("source", "sources")
    remote: bool = True

    def topics(self, selection: Selection, topics: Topics) -> dict[str, str]:
        """Return ``image.features`` and, unless they are skipped, ``predictions``."""
        both = {"images": topics.images, "predictions": topics.predictions}
        return both if selection.images.predictions else {"images": topics.images}

    def share(self, selection: Selection) -> float:
        """Return 1 for the features, 1 for the prediction, and what comes of a label that is late."""
        said = selection.images
        late = (1.0 - said.missing_labels) if said.label_delay and said.with_labels else 0.0
        return 1.0 + (1.0 + late if said.predictions else 0.0)

    def open(self, selection: Selection) -> ImageSource:
        """Read the images and the model.

        Raises
        ------
        SettingsError
            When several paths are given, an option belongs to another kind, or a package is missing.
        SourceError
            When images, labels or the model cannot be read.
        """
        columns, said = selection.columns, selection.sessions
        refuse(
            self.name,
            selection.predictions.own
            | selection.made
            | {
                "--preset": selection.preset,
                "--time-column": columns.time or said.time,
                "--source-column": columns.source,
                "--channels": columns.channels,
                "--label-column": columns.labels,
                "--delimiter": columns.delimiter,
            }
            | said.own,
        )
        if len(selection.paths) > 1:
            raise SettingsError(
                "replay images: give one folder or one file of images; labels go with --labels"
            )
        if selection.drift:
            # A mistake is told before a model is trained.
            parse_levels(selection.drift)
        return ImageSource.find(
            selection.paths[0] if selection.paths else None,
            selection.images,
            period=columns.period,
            seed=selection.seed,
            note=selection.note,
        )

    def change(self, selection: Selection, source: Source) -> Change | None:
        """Make what turns images into events; the level follows ``--level``, ``--drift`` and what is said."""
        if not isinstance(source, ImageSource):
            raise TypeError("images come from an ImageSource")
        return Stage(
            camera=selection.columns.name or CAMERA,
            options=selection.images,
            embedding=source.embedding,
            model=source.model,
            changes=parse_levels(selection.drift) if selection.drift else (),
            seed=selection.seed,
            remote=selection.remote,
        )


KIND = Images()
