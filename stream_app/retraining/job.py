"""What is to be trained: the settings of one model's retraining, with the stream that it learns from."""

from dataclasses import dataclass

from stream_app.errors import SettingsError
from stream_app.events import Topics
from stream_app.kinds import PREDICTIONS, input_topic
from stream_app.settings import ModelRetraining, PredictionStream, Settings

__all__ = ["Job", "find_job"]


@dataclass(frozen=True, slots=True)
class Job:
    """The retraining of one model; made by `find_job`.

    Parameters
    ----------
    name : str
        Of the registered model.
    source : str
        The model, as events name it.
    stream_name : str
    stream : PredictionStream
        The stream of its predictions.
    topic : str
        Where they are.
    settings : ModelRetraining
    """

    name: str
    source: str
    stream_name: str
    stream: PredictionStream
    topic: str
    settings: ModelRetraining


def find_job(settings: Settings, name: str) -> Job:
    """Return what settings say of the retraining of a model; a model they do not name is trained by the defaults.

    Raises
    ------
    SettingsError
        If no stream of predictions, or more than one, may be meant, or its answers are values.

    Examples
    --------
    >>> job = find_job(Settings(), "digits")
    >>> job.source, job.stream_name, job.topic, job.settings.trainer
    ('digits', 'predictions', 'predictions', 'forest')
    """
    chosen = settings.retraining.get(name, ModelRetraining())
    streams = PREDICTIONS.streams(settings)
    where = f"retraining.{name}.stream"
    if chosen.stream is None and len(streams) != 1:
        there = ", ".join(streams) or "none"
        raise SettingsError(f"{where}: name the stream of predictions to learn from; there is {there}")
    stream_name = chosen.stream or next(iter(streams))
    if stream_name not in streams:
        raise SettingsError(
            f"{where}: no stream of predictions {stream_name!r}; there is {', '.join(streams) or 'none'}"
        )
    stream = streams[stream_name]
    if stream.task != "classification":
        raise SettingsError(
            f"{where}: the answers of {stream_name} are values; classifiers only are trained and compared"
        )
    topic = input_topic(stream, Topics(settings.prefix))
    return Job(name, chosen.source or name, stream_name, stream, topic, chosen)
