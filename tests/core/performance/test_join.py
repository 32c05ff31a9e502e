"""Labels find their predictions: against a model that keeps everything, and within bounds."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.core.performance import JoinVerdict, LabelJoin
from stream_app.errors import DataError, StateError

WITHIN = 100.0


def fresh(capacity=1000, within=WITHIN):
    return LabelJoin(within=within, capacity=capacity)


EVENTS = st.lists(
    st.tuples(st.sampled_from(["predict", "both", "label", "fail"]), st.integers(0, 12), st.integers(0, 60)), max_size=60
)  # fmt: skip


def give(join, events, start=0.0):
    """Give events whose times go on by so much each; return every verdict with what was found."""
    clock, found = start, []
    for kind, ident, step in events:
        clock += step
        if kind in ("predict", "both"):
            label = f"l{clock}" if kind == "both" else None
            found.append(join.predict(str(ident), clock, (ident, clock), label))
        elif kind == "fail":
            found.append(join.fail(str(ident), clock))
        else:
            found.append(join.label(str(ident), clock, f"l{clock}"))
    return found, clock


class Naive:
    """Every id's life, looked through at every event."""

    def __init__(self):
        self.lives = {}
        self.missing = self.unmatched = self.twice = 0

    def give(self, events):
        clock, swept = 0.0, -1.0
        for kind, ident, step in events:
            clock += step
            if clock > swept:
                swept = clock + WITHIN / 1000
                for key in [k for k, life in self.lives.items() if life["until"] < clock]:
                    life = self.lives.pop(key)
                    self.missing += life["what"] == "waiting"
                    self.unmatched += life["what"] == "early"
            life = self.lives.get(ident)
            until = clock + WITHIN
            if kind == "label":
                if life is None:
                    self.lives[ident] = {"what": "early", "until": until}
                elif life["what"] == "waiting":
                    self.lives[ident] = {"what": "done", "until": until}
                elif life["what"] == "failed":
                    life["what"] = "done"
                else:
                    self.twice += 1
            elif life is not None and life["what"] != "early":
                self.twice += 1
            elif kind == "fail":
                self.lives[ident] = {"what": "failed" if life is None else "done", "until": until}
            else:
                labelled = kind == "both" or life is not None
                self.twice += kind == "both" and life is not None
                self.lives[ident] = {"what": "done" if labelled else "waiting", "until": until}


@given(events=EVENTS)
@settings(max_examples=300)
def test_what_becomes_of_everything_is_as_a_naive_model_says(events):
    join, naive = fresh(), Naive()
    give(join, events)
    naive.give(events)
    counts = join.counts
    assert (counts.missing, counts.unmatched_labels) == (naive.missing, naive.unmatched)
    assert counts.duplicate_predictions + counts.duplicate_labels == naive.twice
    assert counts.predictions == counts.joined + counts.missing + join.waiting
    assert join.waiting == sum(life["what"] == "waiting" for life in naive.lives.values())


@given(events=EVENTS, cut=st.integers(0, 60))
@settings(max_examples=200)
def test_a_restored_join_goes_on_as_if_it_had_never_stopped(events, cut):
    whole = fresh(capacity=5)
    expected, _ = give(whole, events)
    first = fresh(capacity=5)
    found, clock = give(first, events[:cut])
    state = first.state(list)
    second = LabelJoin.from_state(
        state, lambda items: [tuple(item) for item in items], within=WITHIN, capacity=5
    )
    more, _ = give(second, events[cut:], clock)
    assert found + more == expected
    assert second.state(list) == whole.state(list)


@given(events=EVENTS)
@settings(max_examples=100)
def test_no_more_is_kept_than_there_is_room_for(events):
    join = fresh(capacity=3)
    for event in events:
        give(join, [event], join.clock if join.clock > 0 else 0.0)
        assert join.waiting <= 3
        assert join.early <= 3
        assert len(join.state(list)["done"]) <= 3


def test_a_prediction_without_a_label_for_ever_counts_as_missing():
    join = fresh()
    join.predict("a", 0.0, "A")
    join.predict("b", WITHIN + 1.0, "B")
    assert (join.counts.missing, join.missing_rate) == (1, 1.0)
    assert join.label("a", WITHIN + 2.0, "cat") == (JoinVerdict.WAITING, None)


def test_a_label_may_come_first():
    join = fresh()
    assert join.label("a", 0.0, "cat") == (JoinVerdict.WAITING, None)
    assert join.predict("a", 10.0, "A") == (JoinVerdict.JOINED, "cat")


def test_the_first_prediction_and_the_first_label_count():
    join = fresh()
    join.predict("a", 0.0, "first")
    assert join.predict("a", 1.0, "second")[0] is JoinVerdict.DUPLICATE
    assert join.label("a", 2.0, "cat") == (JoinVerdict.JOINED, "first")
    assert join.label("a", 3.0, "dog")[0] is JoinVerdict.DUPLICATE
    assert join.predict("a", 4.0, "third")[0] is JoinVerdict.DUPLICATE


def test_the_oldest_goes_when_too_many_wait():
    join = fresh(capacity=2)
    for i, ident in enumerate("abc"):
        join.predict(ident, float(i), ident)
    assert (join.waiting, join.counts.missing, join.counts.evicted) == (2, 1, 1)
    assert join.label("c", 3.0, "cat")[1] == "c"


@pytest.mark.parametrize(("within", "capacity"), [(0.0, 1), (-1.0, 1), (float("nan"), 1), (1.0, 0)])
def test_a_limit_that_is_none_is_refused(within, capacity):
    with pytest.raises(DataError, match="expected more than 0"):
        fresh(capacity, within)


def test_a_damaged_state_is_refused_by_name():
    state = fresh().state(list)
    with pytest.raises(StateError, match="label join"):
        LabelJoin.from_state({**state, "version": 0}, list, within=1.0, capacity=1)
    with pytest.raises(StateError, match="label join's state is damaged"):
        LabelJoin.from_state({**state, "waiting": [["a"], []]}, list, within=1.0, capacity=1)
