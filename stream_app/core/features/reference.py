"""Names of features: ``purchases:spent_30m``, ``purchases:v2:spent_30m``, ``purchases:*``."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from stream_app.core.features.view import FeatureView
from stream_app.errors import UnknownFeatureError

__all__ = ["Selected", "select_features"]

_REFERENCE = re.compile(r"(?P<view>[^:@]+)([:@]v?(?P<version>\d{1,9}|latest))?:(?P<feature>[^:@]+)")


@dataclass(frozen=True, slots=True)
class Selected:
    """Requested features of one view.

    Parameters
    ----------
    view : FeatureView
        The view, in the version asked for.
    features : tuple of str
        Names, each once.
    """

    view: FeatureView
    features: tuple[str, ...]


def select_features(references: Sequence[str], views: Iterable[FeatureView]) -> list[Selected]:
    """Find the requested features.

    Parameters
    ----------
    references : sequence of str
        ``view:feature``, ``view:v2:feature`` or ``view:latest:feature``, where an ``@`` may stand before the version, too;
        ``*`` is every feature. Without a version it is the latest.
    views : iterable of FeatureView
        Those that there are.

    Returns
    -------
    list of Selected
        One a view and version, in the order in which they are first named.

    Raises
    ------
    UnknownFeatureError
        If a view, version or feature does not exist.

    Examples
    --------
    >>> from stream_app.core.features import Feature, Sliding
    >>> features = tuple(Feature(name, "count", window=Sliding(60)) for name in ("lines", "visits"))
    >>> views = [FeatureView("purchases", features, version=version) for version in (1, 2)]
    >>> [(one.view.key, one.features) for one in select_features(["purchases:lines", "purchases:v1:*"], views)]
    [('purchases:v2', ('lines',)), ('purchases:v1', ('lines', 'visits'))]
    >>> select_features(["purchase:lines"], views)
    Traceback (most recent call last):
    stream_app.errors.UnknownFeatureError: no feature view 'purchase'; did you mean purchases?
    """
    known: dict[str, dict[int, FeatureView]] = {}
    for view in views:
        known.setdefault(view.name, {})[view.version] = view
    chosen: dict[str, Selected] = {}
    for text in references:
        view, names = _find(text, known)
        before = chosen[view.key].features if view.key in chosen else ()
        chosen[view.key] = Selected(view, tuple(dict.fromkeys((*before, *names))))
    return list(chosen.values())


def _find(text: str, known: dict[str, dict[int, FeatureView]]) -> tuple[FeatureView, tuple[str, ...]]:
    parts = _REFERENCE.fullmatch(text)
    if parts is None:
        raise UnknownFeatureError(
            f"{text[:80]!r} names no feature; view:feature or view:v2:feature is expected"
        )
    name, feature = parts["view"], parts["feature"]
    versions = known.get(name)
    if versions is None:
        raise UnknownFeatureError(f"no feature view {name[:80]!r}; {_nearest(name, known)}")
    asked = parts["version"]
    view = versions.get(max(versions) if asked in (None, "latest") else int(asked))
    if view is None:
        there = ", ".join(f"v{version}" for version in sorted(versions))
        raise UnknownFeatureError(f"feature view {name} has no version {asked}; there is {there}")
    names = tuple(one.name for one in view.features)
    if feature == "*":
        return view, names
    if feature not in names:
        raise UnknownFeatureError(f"{view.key} has no feature {feature[:80]!r}; {_nearest(feature, names)}")
    return view, (feature,)


def _nearest(name: str, there: Iterable[str]) -> str:
    names = sorted(there)
    near = get_close_matches(name[:80], names, n=3, cutoff=0.5)
    if near:
        return f"did you mean {', '.join(near)}?"
    return f"there is {', '.join(names[:10])}" if names else "there is none"
