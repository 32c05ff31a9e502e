"""``streamgauge dead-letters`` over a broker with letters in it."""

import asyncio
import json
import re
import subprocess
import sys
import time

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from stream_app.cli.show import instant
from stream_app.dead_letters import REPLAY_HEADER, Replay, scan
from stream_app.dead_letters.markers import MARKER_HEADER, ReplayMarker, encode_marker
from stream_app.events import DeadLetter, Reason
from stream_app.kafka import client_options, ensure_topics, reading, start_producer
from stream_app.settings import KafkaSettings

pytestmark = pytest.mark.integration

T0 = int(time.time()) - 3600
"""When the first letter was written: lately, because a broker removes what is old."""
SENT = T0 - 60
HOSTILE = "mean\x1b[2J [bold]of\x9b1m\n\u202e"


def letter(offset, reason=Reason.SCHEMA, **changes):
    fields = {
        "topic": "readings",
        "partition": 0,
        "offset": offset,
        "key": b"pump-1",
        "value": b'{"n": %d}' % offset,
        "timestamp": 1000 * SENT + offset,
        "reason": reason,
        "message": f"what is wrong with {offset}",
    }
    return DeadLetter(**(fields | changes))


@pytest.fixture
def world(servers, prefix, broker_address):
    return World(KafkaSettings(bootstrap=broker_address), prefix)


class World:
    """The dead-letter topic, two topics that letters come from, and what is in them."""

    def __init__(self, kafka, prefix):
        self.kafka = kafka
        self.letters, self.readings, self.others = (
            f"{prefix}.dead.letters",
            f"{prefix}.readings",
            f"{prefix}.others",
        )
        self.run(ensure_topics(kafka, {self.letters: 2, self.readings: 3, self.others: 1}, create=True))

    def run(self, work):
        return asyncio.run(work)

    def write(self, *letters, partition=0, at=T0):
        """Write letters a second apart; give their ids."""

        async def work():
            producer = await start_producer(self.kafka)
            try:
                for i, each in enumerate(letters):
                    done = await producer.send_and_wait(
                        self.letters, each.value, key=each.key, headers=each.headers(), partition=partition,
                        timestamp_ms=1000 * (at + i),
                    )  # fmt: skip
                    yield f"{partition}:{done.offset}"
            finally:
                await producer.stop()

        async def all_of():
            return [place async for place in work()]

        return self.run(all_of())

    def mark(self, mark, partition=0, at=None):
        async def work():
            producer = await start_producer(self.kafka)
            stamp = None if at is None else int(1000 * at)
            headers = [(MARKER_HEADER, b"1")]
            await producer.send_and_wait(
                self.letters, encode_marker(mark), partition=partition, headers=headers, timestamp_ms=stamp
            )
            await producer.stop()

        self.run(work())

    def put(self, topic, value=b"", headers=()):
        async def work():
            producer = await start_producer(self.kafka)
            await producer.send_and_wait(topic, value, partition=0, headers=list(headers))
            await producer.stop()

        self.run(work())

    def records(self, topic, partitions=3):
        """Everything in a topic."""

        async def work():
            consumer = AIOKafkaConsumer(auto_offset_reset="earliest", **client_options(self.kafka))
            await consumer.start()
            try:
                tps = [TopicPartition(topic, p) for p in range(partitions)]
                consumer.assign(tps)
                ends = await consumer.end_offsets(tps)
                found = []
                while len(found) < sum(ends.values()):
                    for some in (await consumer.getmany(timeout_ms=200)).values():
                        found += some
                return found
            finally:
                await consumer.stop()

        return self.run(work())

    def sent(self, topic):
        return sorted(record.value for record in self.records(topic, 1 if topic == self.others else 3))

    def story(self):
        """Six letters of two topics; one of them was written twice."""
        readings, others = {"topic": self.readings}, {"topic": self.others}
        self.write(
            letter(1, **readings), letter(2, Reason.LATE, **readings), letter(2, Reason.LATE, **readings),
            letter(7, Reason.NOT_JSON, value=b"\xff\x00\x1b", key=None, **others),
        )  # fmt: skip
        self.write(
            letter(3, Reason.LATE, partition=2, **readings), letter(4, **readings), partition=1, at=T0 + 10
        )


@pytest.fixture
def story(world):
    world.story()
    return world


def listed(ended):
    assert ended.code == 0, ended
    return [json.loads(line)["id"] for line in ended.lines]


def test_each_refused_event_is_listed_once_newest_last(call, story):
    assert listed(call("dead-letters", "list", "--json")) == ["0:0", "0:1", "0:3", "1:0", "1:1"]
    ended = call("dead-letters", "list")
    assert ended.lines[0] == "5 dead letters"
    assert ended.lines[1].split() == ["id", "written", "from", "reason", "replayed", "message"]
    assert ended.lines[2] == (
        f"0:0  {instant(T0)}  {story.readings}:0:1  schema    -         what is wrong with 1"
    )
    assert ended.err == ""


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        (("--reason", "late"), ["0:1", "1:0"]),
        (("--topic", "others"), ["0:3"]),
        (("--since", f"{T0 + 3}"), ["0:3", "1:0", "1:1"]),
        (("--since", instant(T0 + 10).replace(" ", "T")), ["1:0", "1:1"]),
        (("--since", "30m"), []),
        (("--since", "2h"), ["0:0", "0:1", "0:3", "1:0", "1:1"]),
        (("--limit", "2"), ["1:0", "1:1"]),
        (("-n", "0"), ["0:0", "0:1", "0:3", "1:0", "1:1"]),
        (("--topic", "readings", "--reason", "schema", "-n", "1"), ["1:1"]),
    ],
)
def test_the_list_can_be_narrowed(call, story, prefix, options, ids):
    options = [f"{prefix}.{word}" if word in {"readings", "others"} else word for word in options]
    assert listed(call("dead-letters", "list", "--json", *options)) == ids


def test_a_summary_counts_by_reason_and_topic(call, story):
    ended = call("dead-letters", "list", "--summary", "--json")
    counts = [(g["reason"], g["topic"], g["count"]) for g in map(json.loads, ended.lines)]
    assert sorted(counts) == [
        ("late", story.readings, 2),
        ("not_json", story.others, 1),
        ("schema", story.readings, 2),
    ]
    lines = call("dead-letters", "list", "--summary", "--reason", "late").lines
    assert lines[0].split() == ["reason", "topic", "count", "replayed", "first", "last"]
    assert len(lines) == 2


def test_without_letters_it_says_so(call, world):
    assert call("dead-letters", "list").out == "No dead letters.\n"
    assert call("dead-letters", "list", "--summary").out == "No dead letters.\n"
    assert call("dead-letters", "list", "--json").out == ""


def test_records_that_are_no_letters_are_left_out_and_counted(call, story):
    story.put(story.letters, b"hello")
    story.put(story.letters, b"hello", [(MARKER_HEADER, b"1")])
    ended = call("dead-letters", "list", "--json")
    assert len(listed(ended)) == 5
    assert ended.err == "2 records are none of Streamgauge's dead letters, and left out\n"


def test_show_tells_everything(call, world):
    headers = (("traceparent", b"00-abc"), ("bytes", b"\xff"), ("null", None))
    (place,) = world.write(letter(5, topic=world.readings, value=b'{"n":\n 5}', origin_headers=headers))
    told = call("dead-letters", "show", place).out
    for text in (
        f"offset 5 of partition 0 of {world.readings}", "schema", "what is wrong with 5", instant(SENT),
        "traceparent = 00-abc", "bytes = 00000000  ff", "null = none", "  pump-1\n", '  {"n":\n   5}\n',
    ):  # fmt: skip
        assert text in told
    told = json.loads(call("dead-letters", "show", place, "--json").out)
    assert (told["key"], told["value"]) == ({"text": "pump-1"}, {"text": '{"n":\n 5}'})
    assert told["headers"] == [
        ["traceparent", {"text": "00-abc"}],
        ["bytes", {"base64": "/w=="}],
        ["null", None],
    ]
    assert told["timestamp"] == 1000 * SENT + 5


def test_an_event_that_may_quote_a_query_is_withheld_unless_it_is_written_to_a_file(call, world):
    text = b"select * from people where name = 'Ada Lovelace'"
    (place,) = world.write(
        letter(5, topic=world.letters.replace("dead.letters", "platform.events"), value=text)
    )
    for options in ((), ("--json",)):
        told = call("dead-letters", "show", place, *options).out
        assert "withheld, since it may hold literals of queries; --raw writes it to a file" in told
        assert "what is wrong with 5" in told
        assert "pump-1" in told
        assert "Ada" not in told
    command = [sys.executable, "-m", "stream_app", "dead-letters", "show", place, "--raw"]
    assert subprocess.run(command, capture_output=True, timeout=60, check=True).stdout == text


def test_bytes_that_are_no_text_are_dumped_and_raw_writes_them(call, spawn, story):
    told = call("dead-letters", "show", "0:3").out
    assert re.search(r"00000000  ff 00 1b +\.\.\.", told)
    assert "key:\n  none" in told
    command = [sys.executable, "-m", "stream_app", "dead-letters", "show", "0:3", "--raw"]
    assert subprocess.run(command, capture_output=True, timeout=60, check=True).stdout == b"\xff\x00\x1b"


def test_raw_bytes_never_go_to_a_terminal(call, story, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    ended = call("dead-letters", "show", "0:3", "--raw")
    assert ended.code == 2
    assert "can steer a terminal" in " ".join(ended.err.replace("│", " ").split())


def test_a_copy_is_shown_as_the_letter_it_repeats(call, story):
    assert "2; the first is 0:1" in call("dead-letters", "show", "0:2").out


def test_no_control_character_reaches_the_terminal(call, world):
    hostile = letter(
        1, topic=HOSTILE, message=HOSTILE, key=HOSTILE.encode(), value=HOSTILE.encode(),
        origin_headers=((HOSTILE, HOSTILE.encode()),),
    )  # fmt: skip
    (place,) = world.write(hostile)
    commands = [
        ("list",), ("list", "--json"), ("list", "--summary"), ("show", place), ("show", place, "--json"),
        ("replay", place, "--dry-run"), ("replay", place, "--yes"),
    ]  # fmt: skip
    for command in commands:
        ended = call("dead-letters", *command)
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", ended.out + ended.err), command
    assert "\\u001b[2J [bold]of\\u009b1m\\n\\u202e" in call("dead-letters", "list").out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("show", "17"), "'17' is not the id of a dead letter, like 0:17"),
        (("list", "--since", "yesterday"), "so long ago, like 2h"),
        (("list", "--reason", "mood"), "'mood' is not one of"),
        (("replay",), "say which: ids, or --reason"),
        (("replay", "0:1", "--all"), "say which: ids, or --reason"),
    ],
)
def test_a_mistake_in_the_call_ends_with_2(call, servers, arguments, says):
    ended = call("dead-letters", *arguments)
    assert ended.code == 2
    assert says in " ".join(ended.err.replace("│", " ").split())


def test_what_is_not_there_is_one_line(call, servers, story, monkeypatch, prefix):
    assert call("dead-letters", "show", "0:99").failed("no dead letter 0:99")
    assert call("dead-letters", "replay", "0:1", "0:99", "--yes").failed("no dead letter 0:99")
    assert call("dead-letters", "replay", "0:1", "--to", f"{prefix}.nowhere", "--yes").failed("has no topic")
    assert story.sent(story.readings) == []
    monkeypatch.setenv("STREAMGAUGE_PREFIX", "elsewhere")
    assert call("dead-letters", "list").failed("has no topic elsewhere.dead.letters; is the prefix right?")
    monkeypatch.delenv("STREAMGAUGE_KAFKA")
    assert call("dead-letters", "list").failed("no broker: set STREAMGAUGE_KAFKA=HOST:PORT")


@pytest.mark.parametrize("command", [("list",), ("show", "0:1"), ("replay", "--all", "--yes")], ids=" ".join)
def test_a_broker_that_is_away_is_one_line(call, impatient, command):
    ended = call("dead-letters", *command, "--kafka", "127.0.0.1:1")
    assert ended.failed("Kafka at 127.0.0.1:1 cannot be reached (tried 5 times)")


def test_a_replayed_event_is_what_it_was_and_names_its_letter(call, world):
    headers = (("traceparent", b"00-abc"), ("null", None))
    (place,) = world.write(letter(5, partition=2, topic=world.readings, origin_headers=headers))
    ended = call("dead-letters", "replay", place, "--yes")
    assert (ended.code, ended.out) == (0, f"sent 1 dead letter (1 to {world.readings})\n")
    (record,) = world.records(world.readings)
    assert (record.key, record.value, record.partition) == (b"pump-1", b'{"n": 5}', 2)
    assert record.timestamp == 1000 * SENT + 5
    assert list(record.headers) == [*headers, (REPLAY_HEADER, f"{world.letters}:{place}".encode())]


def test_tombstones_and_records_without_key_or_time_go_back_too(call, world):
    tombstone = letter(1, Reason.TOMBSTONE, topic=world.readings, value=None, timestamp=-1)
    world.write(tombstone, letter(2, topic=world.readings, key=None))
    assert call("dead-letters", "replay", "--all", "-y").code == 0
    found = [(record.key, record.value) for record in world.records(world.readings)]
    assert found == [(b"pump-1", None), (None, b'{"n": 2}')]


def test_each_event_is_sent_once_whoever_asks(call, story):
    first = call("dead-letters", "replay", "--reason", "late", "--yes", "--json")
    assert json.loads(first.out) == {
        "dry_run": False, "sent": {story.readings: 2}, "sent_before": [], "busy": [], "cut": [],
    }  # fmt: skip
    second = call("dead-letters", "replay", "--all", "--yes")
    assert second.lines == [
        f"sent 3 dead letters (1 to {story.others}, 2 to {story.readings})",
        "not sent: 2 (0:1, 1:0): sent before; --again sends them again",
    ]
    assert call("dead-letters", "replay", "--all", "--yes").lines[0] == "sent 0 dead letters"
    assert story.sent(story.readings) == [b'{"n": %d}' % n for n in (1, 2, 3, 4)]
    assert story.sent(story.others) == [b"\xff\x00\x1b"]
    rows = [json.loads(line) for line in call("dead-letters", "list", "--json").lines]
    assert all(row["replayed"][row["topic"]]["state"] == "sent" for row in rows)
    assert "  sent      " in call("dead-letters", "list").lines[2]
    assert "replayed         sent to" in call("dead-letters", "show", "0:1").out


def test_again_sends_again_and_another_topic_is_another_matter(call, story):
    for more in ((), ("--again",), ("--to", story.others), ("--to", story.others)):
        assert call("dead-letters", "replay", "0:0", "--yes", *more).code == 0
    assert story.sent(story.readings) == [b'{"n": 1}'] * 2
    assert story.sent(story.others) == [b'{"n": 1}']


def test_a_letter_says_by_whom_it_was_sent_back(call, story):
    call("dead-letters", "replay", "0:0", "--yes", "--by", "Ada\x1b[2J")
    assert " of Ada\\u001b[2J" in call("dead-letters", "show", "0:0").out
    (claim,) = json.loads(call("dead-letters", "show", "0:0", "--json").out)["replayed"].values()
    assert claim["by"] == "Ada\x1b[2J"


def test_a_dry_run_sends_nothing(call, story):
    ended = call("dead-letters", "replay", "--all", "--dry-run")
    assert ended.out == f"would send 5 dead letters (1 to {story.others}, 4 to {story.readings})\n"
    assert len(story.records(story.letters, 2)) == 6
    assert story.sent(story.readings) == []


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 1), ("", 1)])
def test_it_asks_before_it_sends(story, answer, code):
    command = [sys.executable, "-m", "stream_app", "dead-letters", "replay", "0:0"]
    ran = subprocess.run(command, input=answer, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == code
    assert f"Send 1 dead letter (1 to {story.readings})? [y/N]" in ran.stderr
    assert ("nothing was sent; --yes sends without asking" in ran.stderr) == bool(code)
    assert story.sent(story.readings) == [b'{"n": 1}'] * (code == 0)


def test_a_letter_that_holds_the_beginning_only_is_not_sent(call, world):
    (cut, _) = world.write(
        letter(1, topic=world.readings, cut_from=5_000_000), letter(2, topic=world.readings)
    )
    ended = call("dead-letters", "replay", "--all", "--yes")
    assert ended.code == 1
    assert ended.lines[1] == (
        f"not sent: 1 ({cut}): the beginning of a larger event only; take the event from where it came"
    )
    assert world.sent(world.readings) == [b'{"n": 2}']
    assert "the beginning of an event of 5,000,000 bytes" in call("dead-letters", "show", cut).out


def test_an_event_that_fails_again_is_a_letter_of_its_own(call, story):
    call("dead-letters", "replay", "0:0", "--yes")
    (record,) = story.records(story.readings)
    again = DeadLetter.of(record, Reason.SCHEMA, "still wrong")
    (place,) = story.write(again, at=T0 + 20)
    assert listed(call("dead-letters", "list", "--json"))[-1] == place
    assert f"{REPLAY_HEADER} = {story.letters}:0:0" in call("dead-letters", "show", place).out
    assert call("dead-letters", "replay", place, "--yes").lines == [
        f"sent 1 dead letter (1 to {story.readings})"
    ]


def test_a_letter_in_the_hands_of_a_running_replay_is_left_to_it(call, story):
    story.mark(ReplayMarker("feed", "claimed", story.readings, [0], {0: 0, 1: 0, 2: 0}))
    ended = call("dead-letters", "replay", "0:0", "0:1", "--yes")
    assert ended.code == 1
    assert "not sent: 1 (0:0): in the hands of another replay" in ended.lines[1]
    assert story.sent(story.readings) == [b'{"n": 2}']


def test_what_a_killed_replay_sent_is_found_in_the_target_and_the_rest_sent(call, story):
    place = f"{story.letters}:0:0".encode()
    story.put(story.readings, b"before the claim", [(REPLAY_HEADER, f"{story.letters}:0:1".encode())])
    story.mark(ReplayMarker("dead", "claimed", story.readings, [0, 1], {0: 1, 1: 0, 2: 0}), at=T0 + 50)
    story.put(story.readings, b"arrived", [(REPLAY_HEADER, place)])
    ended = call("dead-letters", "replay", "0:0", "0:1", "--yes")
    assert ended.lines == [
        f"sent 1 dead letter (1 to {story.readings})",
        "not sent: 1 (0:0): sent before; --again sends them again",
    ]
    assert story.sent(story.readings) == [b"arrived", b"before the claim", b'{"n": 2}']


def test_a_killed_replay_with_again_does_not_make_a_letter_fresh(call, story):
    assert call("dead-letters", "replay", "0:0", "--yes").code == 0
    story.mark(
        ReplayMarker("dead", "claimed", story.readings, [0], {0: 1, 1: 0, 2: 0}, again=True), at=T0 + 50
    )
    assert "sent before" in call("dead-letters", "replay", "0:0", "--yes").lines[1]
    assert story.sent(story.readings) == [b'{"n": 1}']


async def test_of_several_replays_at_once_one_sends_each_letter(servers, prefix, broker_address):
    kafka, letters, target = (
        KafkaSettings(bootstrap=broker_address),
        f"{prefix}.dead.letters",
        f"{prefix}.readings",
    )
    await ensure_topics(kafka, {letters: 1, target: 1}, create=True)
    producer = await start_producer(kafka)
    count = 1200
    for n in range(count):
        each = letter(n, topic=target)
        await producer.send(letters, each.value, key=each.key, headers=each.headers())
    await producer.stop()

    async def one():
        async with reading(kafka) as reader:
            book = await scan(reader, letters)
            async with Replay.connected(reader, letters, book) as replay:
                return await replay.send(list(book))

    counts = [sum(counted.values()) for counted, _ in await asyncio.gather(one(), one(), one())]
    assert sum(counts) == count
    async with reading(kafka) as reader:
        values = [r.value async for r in reader.between(target, await reader.spans(target))]
        rows = (await scan(reader, letters)).rows.values()
    assert sorted(values) == sorted(b'{"n": %d}' % n for n in range(count))
    assert {row.claims[target].status for row in rows} == {"sent"}
