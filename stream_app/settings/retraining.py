"""Settings of the retraining of a model."""

from collections.abc import Collection
from typing import Annotated

from pydantic import Field

from stream_app.settings.durations import Duration
from stream_app.settings.table import Table

__all__ = ["ModelName", "ModelRetraining", "refused_trainer"]

ModelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$")]
"""The name of a registered model, as it also stands in the name of a consumer group."""

Name = Annotated[str, Field(min_length=1, max_length=256)]


class ModelRetraining(Table):
    """How a model is trained again, and when the new one is better; ``[retraining.NAME]``, of which NAME is the registered model.

    Parameters
    ----------
    stream : str, optional
        The stream of predictions; by default the only one there is.
    source : str, optional
        The model in its events; by default NAME.
    trainer : str
        ``logistic``, ``forest`` or ``lightgbm``, or ``module:function`` of a module in ``trainer_modules``, which takes values
        (rows by features), labels and the parameters, and returns a classifier with ``predict`` and ``classes_``.
    parameters : table
        Arguments of the trainer.
    features : list of str, optional
        Numbers of the events to learn from; by default all of them.
    view : str, optional
        Feature view, such as ``purchases:v1``, whose values as of each event are learned from, too.
    entity : str, optional
        Category of the events that names the entity of the view; by default the view's own word.
    recent : duration
        Events further behind the newest one are not learned from.
    max_rows : int
        Newest labelled predictions that are learned from.
    min_rows : int
        Fewest of them; with fewer nothing is trained.
    later : float
        Share of them, the latest ones, on which the new model and the one in use are compared.
    caring : float
        Differences of accuracy below this do not matter; see `stream_app.core.challenger.Comparison`.
    minimum : int
        Answers with a label before anything is decided.
    trial_answers : int
        Labelled answers of the live stream after which a comparison ends without a decision.
    trial_for : duration
        Time after which it does.
    debounce : duration
        Time without a trigger after which triggers that came are acted upon, all at once.
    """

    stream: Name | None = None
    source: Name | None = None
    trainer: Name = "forest"
    parameters: dict[str, float | int | str | bool] = Field({})
    features: tuple[Name, ...] = ()
    view: Name | None = None
    entity: Name | None = None
    recent: Annotated[Duration, Field(gt=0)] = 2_592_000.0
    max_rows: Annotated[int, Field(ge=20, le=1_000_000)] = 50_000
    min_rows: Annotated[int, Field(ge=20, le=1_000_000)] = 1000
    later: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.25
    caring: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.005
    minimum: Annotated[int, Field(ge=1)] = 200
    trial_answers: Annotated[int, Field(ge=1, le=1_000_000)] = 5000
    trial_for: Annotated[Duration, Field(gt=0)] = 86_400.0
    debounce: Duration = 60.0


def refused_trainer(retraining: ModelRetraining, allowed: Collection[str]) -> str | None:
    """Return the module that a trainer would be imported from, if it is not among those that may be imported.

    Parameters
    ----------
    retraining : ModelRetraining
        Settings of a model's retraining.
    allowed : collection of str
        Modules that may be imported.

    Examples
    --------
    >>> refused_trainer(ModelRetraining(trainer="shop.models:fit"), allowed=())
    'shop.models'
    >>> refused_trainer(ModelRetraining(trainer="forest"), allowed=()) is None
    True
    """
    module, colon, _ = retraining.trainer.partition(":")
    return module if colon and module not in allowed else None
