"""What the user says about a replay of images."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from stream_app.errors import SettingsError

__all__ = ["CORRUPTIONS", "Corruption", "ImageOptions", "Part"]

Part: TypeAlias = Literal["test", "train"]
Corruption: TypeAlias = Literal["all", "noise", "blur", "contrast"]
CORRUPTIONS: tuple[Corruption, ...] = ("all", "noise", "blur", "contrast")


@dataclass(frozen=True, slots=True)
class ImageOptions:
    """Options of ``replay images``.

    Parameters
    ----------
    labels : Path or None
        File of the labels; None looks beside the images.
    part : {'test', 'train'}
        Which of MNIST's parts to replay.
    in_order : bool
        As they come, rather than mixed by the seed.
    model : Path or None
        File of the classifier; made when it is missing. None keeps one in the user's cache.
    model_name : str
        Source of the predictions.
    predictions : bool
        Whether any are sent.
    with_labels : bool
        Whether labels are sent.
    missing_labels : float
        Share of labels that never come.
    label_delay : float
        Seconds of event time from a prediction to its label; 0 sends both in one event.
    level : int
        How bad the images are from the first on, 0 to 9.
    corruption : {'all', 'noise', 'blur', 'contrast'}
    block : int
        Images worked on at once: with fewer, what is said to a slow replay is heard sooner.

    Raises
    ------
    SettingsError
        When an option makes no sense.
    """

    labels: Path | None = None
    part: Part = "test"
    in_order: bool = False
    model: Path | None = None
    model_name: str = "digits"
    predictions: bool = True
    with_labels: bool = True
    missing_labels: float = 0.0
    label_delay: float = 0.0
    level: int = 0
    corruption: Corruption = "all"
    block: int = 512

    def __post_init__(self) -> None:
        if self.part not in {"test", "train"}:
            raise SettingsError(f"--part: {self.part!r} is none; there is test, train")
        if self.corruption not in CORRUPTIONS:
            raise SettingsError(
                f"--corruption: {self.corruption!r} is none; there is {', '.join(CORRUPTIONS)}"
            )
        if not 0.0 <= self.missing_labels <= 1.0:
            raise SettingsError(
                f"--missing-labels: a share from 0 to 1 is expected, not {self.missing_labels:g}"
            )

    @property
    def identity(self) -> str:
        """All that decides on the events."""
        return (
            f"{self.part} {self.in_order} {self.model_name} {self.predictions} {self.with_labels} "
            f"{self.missing_labels} {self.label_delay} {self.level} {self.corruption}"
        )
