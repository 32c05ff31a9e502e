"""Values of a feature view beside predictions: as of recorded ones, and as of those that come."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack

from stream_app.cli.features.recorded import Source, find_view, topic_events
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
    stack : AsyncExitStack
        Closes the connection to the store, which is made when values are read for the first time.
    """

    def __init__(self, settings: Settings, job: Job, stack: AsyncExitStack) -> None:
        self._settings = settings
        self._stack = stack
        self._name = job.settings.view or ""
        self._source: Source | None = None
        self._client: AsyncFeatureClient | None = None
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
        source = await self._found()
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
        view = (await self._found()).view
        if self._client is None:
            connecting = await AsyncFeatureClient.connect(self._settings.redis)
            self._client = await self._stack.enter_async_context(connecting)
        word, values = self._word(view), list[Mapping[str, float | None]]()
        for row in rows:
            entity = row.categories.get(word)
            if not entity:
                values.append({})
                continue
            found = await self._client.get_online_features([f"{view.key}:*"], [entity], row.ts)
            read = {name.rpartition(":")[2]: found[entity, name].value for name in found.features}
            values.append(read)
        return values

    async def _found(self) -> Source:
        if self._source is None:
            self._source = await find_view(self._settings, self._name)
        return self._source

    def _word(self, view: FeatureView) -> str:
        return self._entity or view.entity
