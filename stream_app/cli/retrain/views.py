"""Values of a feature view beside predictions: as of recorded ones, and as of those that come."""

from collections.abc import Mapping, Sequence

from stream_app.cli.features.recorded import find_view, topic_events
from stream_app.client import AsyncFeatureClient
from stream_app.core.features import FeatureView
from stream_app.errors import DataError
from stream_app.events import PredictionRow
from stream_app.features import point_in_time
from stream_app.retraining import Job
from stream_app.settings import Settings

__all__ = ["ViewValues"]

Values = Sequence[Mapping[str, float | None]]


class ViewValues:
    """The view of a job.

    Parameters
    ----------
    settings : Settings
        The servers.
    job : Job
        It names a view.
    """

    def __init__(self, settings: Settings, job: Job) -> None:
        self._settings = settings
        self._view = job.settings.view or ""
        self._entity = job.settings.entity

    async def history(self, rows: Sequence[PredictionRow]) -> Values:
        """Compute the values that a reader would have been given at the time of each prediction, from the topic's events.

        Raises
        ------
        UnknownFeatureError
            If there is no such view.
        DataError
            If no prediction names an entity.
        """
        source = await find_view(self._settings, self._view)
        word = self._word(source.view)
        asked = [(at, entity, row.ts) for at, row in enumerate(rows) if (entity := row.categories.get(word))]
        if not asked:
            raise DataError(
                f"no prediction has the category {word!r}, which names the entity of {source.view.key}; set entity"
            )
        recording = await topic_events(self._settings, source, None)
        found = point_in_time(
            source.config, source.view.key, recording.events, [(entity, ts) for _, entity, ts in asked]
        )
        values: list[Mapping[str, float | None]] = [{}] * len(rows)
        for (at, _, _), row in zip(asked, found, strict=True):
            values[at] = row.values
        return values

    async def beside(self, rows: Sequence[PredictionRow]) -> Values:
        """Read the values as of the time of each prediction, as an application does.

        Raises
        ------
        StoreError
            If Redis cannot be reached.
        """
        view = (await find_view(self._settings, self._view)).view
        word, values = self._word(view), list[Mapping[str, float | None]]()
        async with await AsyncFeatureClient.connect(self._settings.redis) as client:
            for row in rows:
                entity = row.categories.get(word)
                if not entity:
                    values.append({})
                    continue
                found = await client.get_online_features([f"{view.key}:*"], [entity], row.ts)
                read = {name.rpartition(":")[2]: found[entity, name].value for name in found.features}
                values.append(read)
        return values

    def _word(self, view: FeatureView) -> str:
        return self._entity or view.entity
