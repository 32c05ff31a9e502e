"""Reading states of earlier versions."""

from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["in_columns"]

# What version 2 holds, whatever later ones do.
_HABIT_NUMBERS = ("low", "high", "scale")
_HABIT_COUNTS = ("missing_begin", "missing_end", "stuck", "gone")
_NUMBERS = (*_HABIT_NUMBERS, "origin", "last", "since")
_TRAILING = ("range", "sigma", "missing")
_COUNTS = (*_HABIT_COUNTS, "rows", "observed", "sampled", "length", "longest", "absent", *_TRAILING)


def in_columns(state: Mapping[str, Any]) -> dict[str, Any]:
    """Bring a state of `QualityMonitor` from version 1, with a table for each channel's learner, to version 2.

    Parameters
    ----------
    state : mapping
        As version 1 stored it.

    Returns
    -------
    dict
        With everything of the channels in columns.

    Raises
    ------
    AttributeError, LookupError, TypeError, ValueError
        If it is damaged.
    """
    learners, runs, trailing = state["learners"], state["runs"], state["trailing"]
    columns = {
        name: [learner["habits"][name] for learner in learners] for name in _HABIT_NUMBERS + _HABIT_COUNTS
    }
    columns |= {name: [learner[name] for learner in learners] for name in ("origin", "rows", "observed")}
    columns["sampled"] = [len(learner["sample"]) for learner in learners]
    columns |= {name: runs[name] for name in ("last", "since", "length", "longest")}
    columns["absent"] = state["absences"]["length"]
    columns |= {name: state["counts"][name] for name in _TRAILING}
    # A scale of None becomes NaN.
    numbers = [np.array(columns[name], dtype=np.float64) for name in _NUMBERS]
    flags = [*(trailing[name]["active"] for name in _TRAILING), runs["active"], state["absences"]["gone"]]
    samples = [np.empty(0, dtype=np.float32), *(learner["sample"] for learner in learners)]
    arrivals = dict(state["arrivals"])
    while_learning, later = arrivals.pop("sample"), arrivals.pop("recent")
    kept = {name: state[name] for name in ("options", "limits", "channels", "refused")}
    return {
        **kept,
        "version": 2,
        "arrivals": arrivals | {"times": later if while_learning is None else while_learning},
        "numbers": np.array(numbers),
        "counts": np.array([columns[name] for name in _COUNTS], dtype=np.int64),
        "flags": np.array(flags, dtype=np.bool_),
        "history": {
            name: trailing[name]["history"] for name in _TRAILING if np.any(trailing[name]["history"])
        },
        "sample": np.concatenate(samples),
    }
