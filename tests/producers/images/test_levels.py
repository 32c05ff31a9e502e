"""Levels of badness: their strengths, when they hold, and that borders of batches don't matter."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.drift import parse_levels
from producers.images import LEVELS, MAX_LEVEL, Corruptor
from producers.images.find import sample_digits
from producers.images.levels import levels_at
from stream_app.errors import SettingsError

IMAGES = sample_digits().pixels[:200]


def test_each_level_is_worse_than_the_one_before_in_every_strength():
    assert len(LEVELS) == 10
    for better, worse in pairwise(LEVELS):
        assert worse.contrast < better.contrast
        assert worse.blur > better.blur
        assert worse.noise > better.noise


@settings(max_examples=25)
@given(
    st.lists(st.integers(1, 199), max_size=6),
    st.integers(0, 2**32),
    st.lists(st.integers(0, 9), min_size=200, max_size=200),
)
def test_borders_of_batches_do_not_matter(cuts, seed, levels):
    levels = np.array(levels)
    whole = Corruptor(seed).apply(IMAGES, 1000, levels)
    corruptor, parts = Corruptor(seed), []
    for begin, end in zip([0, *sorted(cuts)], [*sorted(cuts), 200], strict=True):
        parts.append(corruptor.apply(IMAGES[begin:end], 1000 + begin, levels[begin:end]))
    assert np.array_equal(np.concatenate(parts), whole)


def test_level_0_leaves_images_as_they_are_and_the_given_ones_are_never_touched():
    before = IMAGES.copy()
    assert np.array_equal(Corruptor().apply(IMAGES, 0, np.zeros(200, dtype=int)), IMAGES)
    assert not np.array_equal(Corruptor().apply(IMAGES, 0, np.full(200, 5)), IMAGES)
    assert np.array_equal(IMAGES, before)


def test_each_corruption_alone_does_what_it_is_called():
    flat = np.full((400, 28, 28), 100, dtype=np.uint8)
    five = np.full(400, 5)
    noisy = Corruptor(corruption="noise").apply(flat, 0, five).astype(float)
    assert noisy.mean() == pytest.approx(100, abs=0.2)
    assert noisy.std() == pytest.approx(LEVELS[5].noise * 255, rel=0.01)
    assert np.unique(Corruptor(corruption="contrast").apply(flat, 0, five)).tolist() == [75]
    dot = np.zeros((1, 28, 28), dtype=np.uint8)
    dot[0, 14, 14] = 255
    blurred = Corruptor(corruption="blur").apply(dot, 0, np.array([7]))[0].astype(float)
    spread = (blurred * (np.arange(28)[:, None] - 14.0) ** 2).sum() / blurred.sum()
    assert np.unique(Corruptor(corruption="blur").apply(flat, 0, five)).tolist() == [100]
    assert 0.5 * LEVELS[7].blur < spread**0.5 < 1.2 * LEVELS[7].blur


def naive(change, base, number):
    """Level of one image after one change that counts images."""
    begin, level = change.begin.at, int(change.size)
    if change.every:
        inside = number >= begin and (number - begin) % change.every.at < change.end.at - begin
        return level if inside else base
    if number < begin:
        return base
    if change.over and number < begin + change.over.at:
        step = (number - begin) * abs(level - base) // change.over.at
        return int(base + step * np.sign(level - base))
    return level


@given(
    st.sampled_from(["level={v}@#{a}..", "level={v}@#{a}..~#{b}", "level={v}@#{a}..#{end}/#{c}"]),
    st.integers(0, 30), st.integers(1, 30), st.integers(1, 30), st.integers(0, 9), st.integers(0, 9),
)  # fmt: skip
def test_a_change_holds_where_counting_one_by_one_says(text, a, b, more, level, base):
    (change,) = parse_levels(text.format(a=a, b=b, end=a + b, c=b + more, v=level), MAX_LEVEL)
    numbers = np.arange(100)
    levels, _ = levels_at([change], base, numbers, numbers / 25)
    assert levels.tolist() == [naive(change, base, number) for number in range(100)]


def test_the_last_of_overlapping_changes_holds_and_is_named():
    changes = parse_levels("level=3@#2..; level=0@#4..; level=9@#6..#7/#6", MAX_LEVEL)
    levels, which = levels_at(changes, 1, np.arange(8), np.arange(8.0))
    assert levels.tolist() == [1, 1, 3, 3, 0, 0, 9, 0]
    assert which.tolist() == [-1, -1, 0, 0, 1, 1, 2, 1]


def test_times_count_event_time_from_the_first_image():
    levels, _ = levels_at(parse_levels("level=3@2s..", MAX_LEVEL), 0, np.arange(6), np.arange(6) * 0.5)
    assert levels.tolist() == [0, 0, 0, 0, 3, 3]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("; ", "holds no change; expected one like level=3@#400.."),
        ("level=2", "like level=3@#400.."),
        ("level=10@#3..", "a level from 0 to 9 is expected, not 10"),
        ("level=-1@#3..", "'level=-1' is no effect"),
        ("flow:level=2@#3..", "is of whole images and takes no channel"),
        ("flow:mean+2sd@1h..", "images change by their level; expected a change like level=3@#400.."),
        ("level=2@soon..", "'soon' is not a duration"),
        ("level=2@#3..~#0", "a transition takes more than 0"),
        ("level=2@#0..#600/#500", "longer than its period"),
        ("level=2@#0..2s/#500", "all times or all event numbers"),
    ],
)
def test_a_mistake_in_a_schedule_names_what_was_expected(text, message):
    with pytest.raises(SettingsError, match=message):
        parse_levels(text, MAX_LEVEL)
