"""Images: read, made worse by a schedule, measured and judged by a model, for a monitor to find out."""

from producers.images.corruptions import LEVELS, MAX_LEVEL, Corruptor, Level
from producers.images.options import ImageOptions
from producers.images.source import ImageSource
from producers.images.stage import Stage

__all__ = ["LEVELS", "MAX_LEVEL", "Corruptor", "ImageOptions", "ImageSource", "Level", "Stage"]
