"""Models that judge the windows of one platform beside the detector."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from stream_app.core.arrays import FloatArray
from stream_app.core.platform.online_models import (
    UNKNOWN,
    OnlineModel,
    Verdict,
    make_online_models,
    restore_online_models,
)
from stream_app.core.versions import expect_version

__all__ = ["WindowModels"]

_VERSION = 1


class WindowModels:
    """Lets the models of a stream judge each window by its features.

    They have no budget and tell no alerts; what they say is shown beside the detector. They learn what is usual
    without labels, so a forest, which needs them, stays silent here.

    Parameters
    ----------
    names : sequence of str
        See `make_online_models`.

    Examples
    --------
    >>> import numpy as np
    >>> from stream_app.core.platform import Series
    >>> from stream_app.core.platform.window_features import window_features
    >>> models = WindowModels(["kmeans"])
    >>> models.update(window_features([Series("worker-1", "load", "cpu")], np.array([0.5])))
    >>> models.verdicts
    {'kmeans': ('unknown', nan)}
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._models: tuple[OnlineModel, ...] = make_online_models(names)
        self.verdicts: dict[str, Verdict] = {model.name: (UNKNOWN, math.nan) for model in self._models}
        """What each model said of the newest window: its label, and how unusual it is."""

    def update(self, features: FloatArray) -> None:
        """Take the features of a window; where nothing is known of any series, it is neither judged nor learned."""
        self.verdicts = {model.name: model.update(features) for model in self._models}

    def state(self) -> dict[str, Any]:
        """State as plain values, for `restore`."""
        return {
            "version": _VERSION,
            "models": [model.state() for model in self._models],
            "verdicts": [[label, score] for label, score in self.verdicts.values()],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore from `state`; models that it does not have start cold, those that are no longer asked for are left out.

        Raises
        ------
        StateError
            If it is of another version or damaged.
        """
        expect_version(state, _VERSION, "the models of windows")
        stored = {
            str(one["name"]): (one, said)
            for one, said in zip(state["models"], state["verdicts"], strict=True)
        }
        models = []
        for fresh in self._models:
            if fresh.name not in stored:
                models.append(fresh)
                continue
            one, (label, score) = stored[fresh.name]
            models += restore_online_models([one])
            self.verdicts[fresh.name] = str(label), float(score)
        self._models = tuple(models)
