"""Folders of PNG and JPEG pictures; the names of subfolders are labels."""

import re
import struct
import warnings
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from producers.images.collection import SIDE, Collection, Pixels
from producers.images.extra import needed
from stream_app.errors import SourceError
from stream_app.tables.cells import as_labels
from stream_app.tables.left_out import LeftOut

__all__ = ["MAX_FILE_BYTES", "MAX_PICTURES", "MAX_PIXELS", "read_folder", "read_picture"]

MAX_PIXELS = 40_000_000
"""Most pixels of a picture, by its header: more than a camera has, and a small file may unfold to far more."""

MAX_FILE_BYTES = 64 << 20
MAX_PICTURES = 500_000
"""All are held in memory, 784 bytes each."""

_ENDINGS = frozenset({".png", ".jpg", ".jpeg"})


def read_folder(folder: Path, left: LeftOut) -> Collection:
    """Read all pictures of a folder, in natural order of their names.

    A picture's label is the name of the subfolder that it lies in.

    Parameters
    ----------
    folder : Path
    left : LeftOut
        Where those that cannot be read are counted.

    Raises
    ------
    SourceError
        When there is no picture, or none that can be read.
    """
    files = _pictures(folder)
    pixels, labels = [], []
    for file in files:
        try:
            pixels.append(read_picture(file))
        except SourceError as error:
            left.add(str(error).removeprefix(f"{file}: "), 1, str(file))
            continue
        inside = file.relative_to(folder).parts
        labels.append(_told(inside[0]) if len(inside) > 1 else None)
    if not pixels:
        reasons = "; ".join(f"{count:,}: {reason}" for reason, count in left.counts.items())
        raise SourceError(f"{folder}: none of {len(files):,} pictures can be read: {reasons}")
    return Collection(np.stack(pixels), as_labels(labels))


def read_picture(path: Path) -> Pixels:
    """Read a picture as grey, 28 by 28 pixels, whatever its size was.

    Raises
    ------
    SourceError
        When it is too large, something else, cut off or damaged; after the name of the file comes the reason.
    """
    image_module = needed("PIL.Image")
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise SourceError(f"{path}: more than {MAX_FILE_BYTES >> 20} MiB")
        with warnings.catch_warnings():
            # Pillow warns of sizes beyond its own limit; ours is lower and holds before anything is unpacked.
            warnings.simplefilter("ignore", image_module.DecompressionBombWarning)
            picture = image_module.open(path, formats=("PNG", "JPEG"))
        with picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise SourceError(f"{path}: more than {MAX_PIXELS:,} pixels")
            return _grey(picture, image_module)
    except image_module.DecompressionBombError:
        raise SourceError(f"{path}: more than {MAX_PIXELS:,} pixels") from None
    except image_module.UnidentifiedImageError:
        raise SourceError(f"{path}: neither PNG nor JPEG") from None
    except FileNotFoundError:
        raise SourceError(f"{path}: no such file") from None
    except (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error):
        # Pillow's decoders say so in many ways.
        raise SourceError(f"{path}: cut off or damaged") from None


def _grey(picture: Any, image_module: Any) -> Pixels:
    # Half of the work for large JPEG files; others take no notice.
    picture.draft("L", (4 * SIDE, 4 * SIDE))
    if picture.mode.startswith("I"):
        # Sixteen bits: Pillow's own conversion would cut them off at 255.
        wide = np.asarray(picture, dtype=np.float64) / 257.0
        picture = image_module.fromarray(np.clip(np.rint(wide), 0, 255).astype(np.uint8))
    grey = picture.convert("L").resize((SIDE, SIDE), image_module.Resampling.BILINEAR)
    return np.array(grey, dtype=np.uint8)


def _told(name: str) -> str:
    """Return a name as text that can be sent: those of files may be any bytes."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _pictures(folder: Path) -> Sequence[Path]:
    found = [file for file in folder.rglob("*") if file.suffix.casefold() in _ENDINGS and file.is_file()]
    if not found:
        raise SourceError(
            f"{folder}: no image in this directory; PNG or JPEG files are expected, or MNIST's IDX files"
        )
    if len(found) > MAX_PICTURES:
        raise SourceError(f"{folder}: {len(found):,} pictures; at most {MAX_PICTURES:,} are held at once")
    return sorted(found, key=lambda file: _natural(str(file)))


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]
