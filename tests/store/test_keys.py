"""Names of keys never collide, whatever entities are called."""

import re

from hypothesis import given
from hypothesis import strategies as st
from redis.crc import key_slot

from stream_app.settings import RedisSettings
from stream_app.store import Keys

names = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.text("a:%{}\n -_.~é", max_size=6)
pairs = st.tuples(names, names)


@given(pairs, pairs)
def test_different_names_have_different_keys(one, other):
    keys = Keys("p")
    assert (keys.features(one[0], 1, one[1]) == keys.features(other[0], 1, other[1])) == (one == other)
    assert (keys.state(*one, 0) == keys.state(*other, 0)) == (one == other)


@given(names, names)
def test_keys_of_one_partition_share_exactly_their_hash_tag(group, topic):
    keys = Keys("p")
    tags = [
        re.findall(r"\{(.*?)\}", key) for key in (keys.offsets(group, topic, 3), keys.state(group, topic, 3))
    ]
    assert tags[0] == tags[1]
    assert len(tags[0]) == 1
    assert tags[0][0].endswith(":3")
    assert keys.offsets(group, topic, 3) != keys.state(group, topic, 3)


@given(names)
def test_keys_hold_no_blanks_braces_or_control_characters(entity):
    key = Keys("p").features("view", 1, entity)
    assert key.startswith("p:features:view:v1:")
    assert not re.search(r"[\s{}\x00-\x1f]", key)
    assert key.count(":") == 4


def test_a_partition_number_is_not_mixed_up_with_a_topic_s_name():
    keys = Keys()
    assert keys.offsets("g", "t:1", 2) != keys.offsets("g:t", "1", 2)
    assert keys.offsets("g", "t", 12) != keys.offsets("g", "t:1", 2)


@given(names, names)
def test_on_a_cluster_all_keys_have_one_hash_tag(view, entity):
    keys = Keys(RedisSettings(prefix="p", cluster=True).key_prefix)
    made = [
        keys.features(view, 1, entity),
        keys.view_entities(view, 1),
        keys.view_names,
        keys.view(view),
        keys.stale_views,
    ]
    made += [
        keys.alerts,
        keys.firing,
        keys.alert("0a"),
        keys.firing_incidents,
        keys.incident("0a"),
        keys.incident_alerts("0a"),
        keys.verdicts,
        keys.deeds,
        keys.notice("0a"),
        keys.offsets(view, entity, 0),
        keys.outbox(view, entity, 0),
    ]
    assert {key_slot(key.encode()) for key in made} == {key_slot(b"p")}
