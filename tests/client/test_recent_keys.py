"""The memory tells new from known exactly as a list of everything that was ever seen would."""

from hypothesis import given
from hypothesis import strategies as st

from stream_app.client.recent_keys import RecentKeys


class Naive:
    """Remembers every sighting, and looks through them all."""

    def __init__(self, size, seconds):
        self.size, self.seconds = size, seconds
        self.sightings = []
        self.now = float("-inf")

    def see(self, key, at):
        self.now = max(self.now, at)
        lately = [k for k, t in self.sightings if self.now - t <= self.seconds]
        distinct = list(dict.fromkeys(reversed(lately)))[: self.size]
        self.sightings.append((key, self.now))
        return key not in distinct


times = st.integers(0, 40).map(float)


@given(
    size=st.integers(1, 6),
    seconds=st.integers(0, 20).map(float),
    steps=st.lists(st.tuples(st.sampled_from("abcdefgh"), times), max_size=60),
)
def test_it_knows_what_a_naive_memory_knows_and_stays_in_its_bounds(size, seconds, steps):
    memory, naive = RecentKeys(size, seconds), Naive(size, seconds)
    for key, at in steps:
        assert memory.see(key, at) == naive.see(key, at)
        assert len(memory) <= size


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), times), max_size=60))
def test_within_its_bounds_each_key_is_new_once(steps):
    memory = RecentKeys(8, 40.0)
    new = [key for key, at in steps if memory.see(key, at)]
    assert sorted(new) == sorted({key for key, _ in steps})
