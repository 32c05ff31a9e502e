"""Which registered versions answer, by what the live features of a model say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stream_app.model_registry.version import RegisteredVersion, find_version

__all__ = ["Answering", "last_answers", "versions_seen"]

_BEFORE, _AFTER = "version.", ".seen"


@dataclass(frozen=True, slots=True)
class Answering:
    """A version that predictions name.

    Parameters
    ----------
    model_version : str
        What they say.
    at : float
        Time of its last prediction, in epoch seconds.
    number : int or None
        Which registered version it is; None where it is not in the registry.
    newest : bool
        Whether the last prediction of the model was its: it answers now.
    """

    model_version: str
    at: float
    number: int | None
    newest: bool


def versions_seen(values: Mapping[str, float | None]) -> dict[str, float]:
    """Return when each version of a model answered last, from the model's live features.

    Examples
    --------
    >>> versions_seen({"events": 7.0, "version.v1.seen": 5.0, "version.v1.accuracy": 0.9})
    {'v1': 5.0}
    """
    return {
        name.removeprefix(_BEFORE).removesuffix(_AFTER): at
        for name, at in values.items()
        if name.startswith(_BEFORE) and name.endswith(_AFTER) and at is not None
    }


def last_answers(versions: Sequence[RegisteredVersion], seen: Mapping[str, float]) -> list[Answering]:
    """Say which versions of the registry answered, the last one first.

    Parameters
    ----------
    versions : sequence of RegisteredVersion
        Of one model, the newest first.
    seen : mapping of str to float
        What predictions said in `model_version`, to the time of the last of them.

    Examples
    --------
    >>> [one.model_version for one in last_answers([], {"v1": 5.0, "v2": 9.0})]
    ['v2', 'v1']
    """
    newest = max(seen.values(), default=0.0)
    found = [
        Answering(
            said, at, None if (one := find_version(versions, said)) is None else one.number, at == newest
        )
        for said, at in seen.items()
    ]
    return sorted(found, key=lambda one: (-one.at, one.model_version))
