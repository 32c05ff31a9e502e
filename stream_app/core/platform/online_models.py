"""Models that learn from the windows of a platform one by one, live: clusterings and a classifier of River's."""

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import import_module
from typing import Any, Protocol, Self

import numpy as np

from stream_app.core.arrays import FloatArray
from stream_app.core.platform.window_features import FEATURE_NAMES
from stream_app.core.river_adapter.codec import decode, encode
from stream_app.core.versions import expect_version
from stream_app.errors import DataError, OldStateError, StateError

__all__ = [
    "ONLINE_MODELS",
    "UNKNOWN",
    "OnlineModel",
    "Verdict",
    "make_online_models",
    "restore_online_models",
]

Verdict = tuple[str, float]
"""What a model says of a window: its label, and how unusual it is; NaN where the model cannot say."""

UNKNOWN = "unknown"
"""The label of a window before a model knows any."""

_VERSION = 1
_RADIUS = 2.0
"""Distance within which windows are of one small cluster. Features of a platform that is as usual lie about 1 from each other:
some thirty of them are in use, with a standard deviation of 0.15 each after the inverse hyperbolic sine."""
_HALF_LIFE = 1440.0
"""Windows after which what was learned counts half: a day of minutes."""
_USUAL_SHARE = 0.05
"""Share of all windows, faded, that a cluster holds at least to count as usual: an incident of an hour holds less."""


class OnlineModel(Protocol):
    """A model that judges a window and then learns from it."""

    name: str

    def update(self, features: FloatArray, label: bool | None = None) -> Verdict:  # noqa: FBT001 - a label is a value, as in River
        """Judge a window by what was learned before it, then learn from it.

        Parameters
        ----------
        features : ndarray of shape (d,)
            As `window_features` gives them; a window with a NaN is neither judged nor learned.
        label : bool, optional
            Whether there was an incident, where that is known.
        """

    def state(self) -> dict[str, Any]:
        """Give the state as plain data; `restore_online_models` continues from it bit for bit."""


class _RiverModel:
    """A model of River's; feature names are numbers, since sets of texts have another order in each process."""

    name: str
    _river: Any

    def __init__(self) -> None:
        self._seen = 0
        self._weights: list[float] = []

    def update(self, features: FloatArray, label: bool | None = None) -> Verdict:  # noqa: FBT001 - a label is a value, as in River
        if not np.isfinite(features).all():
            return UNKNOWN, math.nan
        row = dict(enumerate(features.tolist()))
        verdict = self._judge(row)
        self._learn(row, label)
        self._seen += 1
        return verdict

    def _judge(self, row: dict[int, float]) -> Verdict:
        raise NotImplementedError

    def _learn(self, row: dict[int, float], _label: bool | None) -> None:  # noqa: FBT001 - as above
        self._river.learn_one(row)

    def state(self) -> dict[str, Any]:
        return {
            "version": _VERSION,
            "river": _river_version(),
            "name": self.name,
            "seen": self._seen,
            "weights": list(self._weights),
            "payload": encode(self._river, _admitted()),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        expect_version(state, _VERSION, f"the model {cls.name}")
        if state.get("river") != _river_version():
            raise OldStateError(
                f"the state of the model {cls.name} was written by River {state.get('river')}, "
                f"this is River {_river_version()}"
            )
        restored = cls()
        try:
            river = decode(state["payload"], _admitted())
            restored._seen = int(state["seen"])
            restored._weights = [float(weight) for weight in state["weights"]]
        except (KeyError, TypeError, ValueError) as error:
            raise StateError(f"the state of the model {cls.name} is damaged: {error}") from error
        if type(river) is not type(restored._river):
            raise StateError(f"the state of the model {cls.name} holds a {type(river).__name__}")
        restored._river = river
        try:
            # What a forged object lacks shows where it is used; what it learns by that is forgotten.
            restored.update(np.zeros(len(FEATURE_NAMES)))
        except Exception as error:
            raise StateError(
                f"the state of the model {cls.name} is damaged: {type(error).__name__}"
            ) from error
        restored._river = decode(state["payload"], _admitted())
        restored._seen = int(state["seen"])
        restored._weights = [float(weight) for weight in state["weights"]]
        return restored


class KMeans(_RiverModel):
    """Sequential k-means: a window is as unusual as it is far from the nearest of five centres that windows often come to.

    The first windows are the first centres. Each further window draws the centre nearest to it by a fiftieth of the way, so
    an incident may take a centre with it. That one counts as usual when it holds a twentieth of all windows.

    References
    ----------
    MacQueen, J. (1967). Some methods for classification and analysis of multivariate observations. Berkeley Symposium.
    """

    name = "kmeans"

    def __init__(self) -> None:
        super().__init__()
        self._river = _river("cluster").KMeans(n_clusters=5, halflife=0.02, seed=0)
        self._weights = [0.0] * self._river.n_clusters
        # None is drawn at random.
        self._river.centers = {key: {} for key in range(self._river.n_clusters)}

    def _judge(self, row: dict[int, float]) -> Verdict:
        if self._seen < self._river.n_clusters:
            return UNKNOWN, math.nan
        centres = self._river.centers
        distances = [_distance(centre, row) for centre in centres.values()]
        usual = _usual(self._weights)
        nearest = min(distances[at] for at in usual)
        return _cluster(self._river.predict_one(row)), nearest

    def _learn(self, row: dict[int, float], _label: bool | None) -> None:  # noqa: FBT001 - as above
        if self._seen < self._river.n_clusters:
            nearest = self._seen
            self._river.centers[nearest] = row
        else:
            nearest = self._river.learn_predict_one(row)
        self._weights = [weight * 2.0 ** (-1.0 / _HALF_LIFE) for weight in self._weights]
        self._weights[nearest] += 1.0


class DBSTREAM(_RiverModel):
    """DBSTREAM: small clusters joined where windows lie between them; unusual is what is far from all.

    References
    ----------
    Hahsler, M., Bolanos, M. (2016). Clustering data streams based on shared density between micro-clusters. IEEE TKDE 28.
    """

    name = "dbstream"

    def __init__(self) -> None:
        super().__init__()
        self._river = _river("cluster").DBSTREAM(
            clustering_threshold=_RADIUS, fading_factor=1.0 / _HALF_LIFE, cleanup_interval=720
        )

    def _judge(self, row: dict[int, float]) -> Verdict:
        small = list(self._river.micro_clusters.values())
        if not small:
            return UNKNOWN, math.nan
        # What was learned fades by the number of windows: those that come rarely say nothing of what is usual.
        weights = [one.weight * 2.0 ** ((one.last_update - self._seen) / _HALF_LIFE) for one in small]
        nearest = min(_distance(small[at].center, row) for at in _usual(weights))
        return _cluster(self._river.predict_one(row)), nearest


class DenStream(_RiverModel):
    """DenStream: clusters of windows that come often; unusual is what is far from all of them.

    References
    ----------
    Cao, F., Ester, M., Qian, W., Zhou, A. (2006). Density-based clustering over an evolving data stream with noise. SDM.
    """

    name = "denstream"

    def __init__(self) -> None:
        super().__init__()
        self._river = _river("cluster").DenStream(
            decaying_factor=10.0 / _HALF_LIFE, beta=0.5, mu=5.0, epsilon=_RADIUS, n_samples_init=60, stream_speed=1
        )  # fmt: skip

    def _judge(self, row: dict[int, float]) -> Verdict:
        often = [one.center for one in self._river.p_micro_clusters.values()]
        if not often:
            return UNKNOWN, math.nan
        return _cluster(self._river.predict_one(row)), min(_distance(centre, row) for centre in often)


class AdaptiveForest(_RiverModel):
    """Adaptive random forest: the probability of an incident, learned from windows whose label is known.

    References
    ----------
    Gomes, H. M. et al. (2017). Adaptive random forests for evolving data stream classification. Machine Learning 106.
    """

    name = "arf"

    def __init__(self) -> None:
        super().__init__()
        # The depth bounds the state; a tree of windows' sums needs no more.
        self._river = _river("forest").ARFClassifier(n_models=5, max_depth=6, seed=0)

    def _judge(self, row: dict[int, float]) -> Verdict:
        shares = self._river.predict_proba_one(row)
        if not shares:
            return UNKNOWN, math.nan
        incident = float(shares.get(1, 0.0))
        return ("incident" if incident > 0.5 else "usual"), incident

    def _learn(self, row: dict[int, float], label: bool | None) -> None:  # noqa: FBT001 - as above
        if label is not None:
            self._river.learn_one(row, int(label))


ONLINE_MODELS: Mapping[str, type[_RiverModel]] = {
    model.name: model for model in (KMeans, DBSTREAM, DenStream, AdaptiveForest)
}
"""The models by name."""


def make_online_models(names: Sequence[str]) -> tuple[OnlineModel, ...]:
    """Make fresh models.

    Parameters
    ----------
    names : sequence of {'kmeans', 'dbstream', 'denstream', 'arf'}

    Raises
    ------
    DataError
        There is no such model, or one is there twice.

    Examples
    --------
    >>> (model,) = make_online_models(["kmeans"])
    >>> for _ in range(200):
    ...     usual = model.update(np.array([0.1, 0.2, 0.0]))
    >>> label, distance = model.update(np.array([4.0, 0.2, 3.0]))
    >>> distance > 10 * usual[1]
    True
    """
    for name in names:
        if name not in ONLINE_MODELS:
            raise DataError(f"unknown online model {name!r}; known are {', '.join(ONLINE_MODELS)}")
    if len(set(names)) < len(names):
        raise DataError(f"models {', '.join(names)}: one is there twice")
    return tuple(ONLINE_MODELS[name]() for name in names)


def restore_online_models(states: Sequence[Mapping[str, Any]]) -> tuple[OnlineModel, ...]:
    """Rebuild models from what `OnlineModel.state` gave of each.

    Raises
    ------
    OldStateError
        A state is of another version of River, whose objects may have other attributes.
    StateError
        One is of another version of ours, or damaged.
    """
    unknown = [str(state.get("name")) for state in states if state.get("name") not in ONLINE_MODELS]
    if unknown:
        raise StateError(f"the state of the model {unknown[0]!r} is of no known model")
    return tuple(ONLINE_MODELS[state["name"]].from_state(state) for state in states)


@lru_cache(maxsize=1)
def _admitted() -> dict[str, type[Any]]:
    """Map exact names to the classes of which these models consist."""
    found: dict[str, type[Any]] = {}
    for name in _CLASSES:
        module, _, qualified = name.partition(":")
        cls: Any = import_module(module)
        for part in qualified.split("."):
            cls = getattr(cls, part)
        found[f"{cls.__module__}:{cls.__qualname__}"] = cls
    return found


_CLASSES = (
    "river.cluster.k_means:KMeans",
    "river.cluster.dbstream:DBSTREAM",
    "river.cluster.dbstream:DBSTREAMMicroCluster",
    "river.cluster.denstream:DenStream",
    "river.cluster.denstream:DenStream.BufferItem",
    "river.cluster.denstream:DenStreamMicroCluster",
    "river.forest.adaptive_random_forest:ARFClassifier",
    "river.forest.adaptive_random_forest:BaseTreeClassifier",
    "river.tree.nodes.branch:NumericBinaryBranch",
    "river.tree.nodes.arf_htc_nodes:RandomLeafNaiveBayesAdaptive",
    "river.tree.splitter.gaussian_splitter:GaussianSplitter",
    "river.proba.gaussian:Gaussian",
    "river.stats.mean:Mean",
    "river.stats.var:Var",
    "river.metrics.accuracy:Accuracy",
    "river.metrics.confusion:ConfusionMatrix",
    "river.drift.adwin:ADWIN",
    "river._river_rust.drift:AdaptiveWindowing",
)


def _river(package: str) -> Any:
    # Not above: River takes 0.3 s to load, and few platforms have such models.
    return import_module(f"river.{package}")


def _river_version() -> str:
    return str(import_module("river.__version__").__version__)


def _usual(weights: Sequence[float]) -> list[int]:
    """Return the places of the clusters that count as usual; the heaviest always does."""
    least = min(max(weights), _USUAL_SHARE * math.fsum(weights))
    return [at for at, weight in enumerate(weights) if weight >= least]


def _distance(centre: Mapping[int, float], row: Mapping[int, float]) -> float:
    return math.dist([centre[key] for key in row], list(row.values()))


def _cluster(number: int) -> str:
    return f"cluster {number + 1}"
