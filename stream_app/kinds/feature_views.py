"""Feature views from their settings."""

from collections.abc import Sequence

from stream_app.core.features import AllTime, Condition, Feature, FeatureView, Session, Sliding, Window
from stream_app.errors import DataError, SettingsError
from stream_app.settings import ConditionSettings, FeatureSettings, ViewSettings

__all__ = ["feature_view"]


def feature_view(key: str, stream: str, said: ViewSettings) -> FeatureView:
    """Make a feature view.

    Parameters
    ----------
    key : str
        Where the settings have it, for messages: ``streams.shop.views.0``.
    stream : str
        Name of its stream.
    said : ViewSettings
        Settings of the view.

    Raises
    ------
    SettingsError
        If its definition makes no sense.
    """
    try:
        return FeatureView(
            said.name,
            tuple(_feature(name, feature) for name, feature in said.features.items()),
            version=said.version,
            stream=stream,
            entity=said.entity,
            where=_conditions(said.where),
            freshness=said.freshness,
            lateness=said.lateness,
            history=said.history,
            ttl=said.ttl,
            max_events=said.max_events,
        )
    except DataError as error:
        raise SettingsError(f"{key}: {error}") from error


def _feature(name: str, said: FeatureSettings) -> Feature:
    window: Window = AllTime()
    if said.window is not None:
        window = Sliding(said.window, said.delay)
    elif said.session is not None:
        window = Session(said.session, said.longest)
    # What an aggregation is called the feature checks itself.
    return Feature(name, said.aggregation, said.field, window, _conditions(said.where), said.ratio)  # type: ignore[arg-type]


def _conditions(said: Sequence[ConditionSettings]) -> tuple[Condition, ...]:
    return tuple(Condition(one.field, one.comparison, one.value) for one in said)
