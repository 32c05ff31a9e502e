"""Finding images: MNIST's files, a folder of pictures, or the sample; and those that a model may learn from."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from producers.images.collection import SIDE, Collection
from producers.images.extra import needed
from producers.images.idx import read_idx
from producers.images.options import ImageOptions
from producers.images.pictures import read_folder
from stream_app.errors import SettingsError, SourceError
from stream_app.tables.cells import as_labels
from stream_app.tables.left_out import LeftOut

__all__ = ["TRAINING_IMAGES", "Found", "find_images", "sample_digits"]

_FACTOR = 3
_MARGIN = 2

TRAINING_IMAGES = 60_000
"""Most images that a model learns from: all of MNIST's training part."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was found.

    Parameters
    ----------
    training : Collection
        What a model learns from, and the embedding.
    shown : Collection
        What is replayed: other images, unless those of training were asked for.
    everything : Collection
        Both, in their order, where they were cut from one.
    left : LeftOut
        Pictures that could not be read.
    place : str
        Where the images come from.
    """

    training: Collection
    shown: Collection
    everything: Collection
    left: LeftOut
    place: str


def find_images(path: str | None, options: ImageOptions) -> Found:
    """Read images with their labels.

    Parameters
    ----------
    path : str or None
        A folder with MNIST's four files, an IDX file of images, or a folder of pictures. None is the sample.
    options : ImageOptions
        Where the labels are, and which part is wanted.

    Raises
    ------
    SourceError
        When there is nothing, or something that cannot be read.
    SettingsError
        When the sample is wanted, or a picture is to be read, and the packages for it are not installed.
    """
    if path is None:
        _no_labels(options, "the sample")
        return _cut(sample_digits(), LeftOut(), "the sample of digits", options)
    given = Path(path)
    if given.is_dir():
        found = _idx_files(given)
        if not found:
            _no_labels(options, f"{path}, a folder of pictures,")
            left = LeftOut()
            return _cut(read_folder(given, left), left, path, options)
        wanted = [file for file in found if _is_training(file) == (options.part == "train")]
        given = (wanted or found)[0]
    if not given.is_file():
        raise SourceError(
            f"{path}: no such file or directory; give a folder of images or an IDX file of images"
        )
    shown = _labelled(given, options.labels)
    beside = [file for file in _idx_files(given.parent) if _is_training(file)]
    if not beside or not (_is_training(given) or _is_test(given)):
        return _cut(shown, LeftOut(), str(given), options)
    training = shown if given in beside else _labelled(beside[0], None)
    return Found(training.take(slice(TRAINING_IMAGES)), shown, shown, LeftOut(), str(given))


def _cut(everything: Collection, left: LeftOut, place: str, options: ImageOptions) -> Found:
    """Let one half of the images be learned from and show the other; or the same, where it is asked for."""
    if len(everything) < 2:
        raise SourceError(
            f"{place}: one image; at least two are expected: one half is learned from, one shown"
        )
    training, rest = everything.halves()
    shown = training if options.part == "train" else rest
    return Found(training.take(slice(TRAINING_IMAGES)), shown, everything, left, place)


def _no_labels(options: ImageOptions, place: str) -> None:
    if options.labels is not None:
        raise SettingsError(
            f"--labels: {place} brings its own; a file of labels goes with an IDX file of images"
        )


def _idx_files(folder: Path) -> list[Path]:
    """Return the files of images in a folder, by MNIST's names."""
    return sorted(
        file for file in folder.iterdir() if "images" in file.name and "idx3" in file.name and file.is_file()
    )


def _is_training(file: Path) -> bool:
    return file.name.startswith("train")


def _is_test(file: Path) -> bool:
    return file.name.startswith(("t10k", "test"))


def _labelled(file: Path, labels: Path | None) -> Collection:
    """Read images and their labels: those of the given file, or those that lie beside them."""
    pixels = read_idx(file, 3)
    if pixels.shape[1:] != (SIDE, SIDE):
        rows, columns = pixels.shape[1:]
        raise SourceError(
            f"{file}: images of {rows} by {columns} pixels; {SIDE} by {SIDE} are expected, "
            "others can be replayed as a folder of pictures, which are scaled"
        )
    if not len(pixels):
        raise SourceError(f"{file}: holds no image")
    beside = labels or _labels_of(file)
    if beside is None:
        return Collection(pixels, as_labels([None] * len(pixels)))
    told = read_idx(beside, 1)
    if len(told) != len(pixels):
        raise SourceError(
            f"{beside}: {len(told):,} labels for the {len(pixels):,} images of {file}; "
            "give the labels that belong to them with --labels"
        )
    return Collection(pixels, as_labels([str(label) for label in told.tolist()]))


def _labels_of(file: Path) -> Path | None:
    """Return the file of labels that lies beside images, packed or not."""
    name = file.name.replace("images", "labels").replace("idx3", "idx1")
    bare = name.removesuffix(".gz")
    there = [file.with_name(other) for other in (name, bare, f"{bare}.gz") if file.with_name(other).is_file()]
    return there[0] if there and there[0] != file else None


def sample_digits() -> Collection:
    """Return 1,797 handwritten digits of 43 people, enlarged from 8 by 8 to 28 by 28 pixels.

    They are the test part of UCI's "Optical Recognition of Handwritten Digits" (Alpaydin, Kaynak 1998,
    doi 10.24432/C50P49, CC BY 4.0): three times as large, linearly between pixels, with a margin of two pixels.
    """
    from scipy import ndimage  # noqa: PLC0415  as for corruptions

    digits = needed("sklearn.datasets").load_digits()
    small = np.asarray(digits.images, dtype=np.float64) / 16.0
    large = ndimage.zoom(small, (1, _FACTOR, _FACTOR), order=1)
    framed = np.pad(large, ((0, 0), (_MARGIN, _MARGIN), (_MARGIN, _MARGIN)))
    return Collection(np.rint(framed * 255.0).astype(np.uint8), as_labels([str(d) for d in digits.target]))
