"""Trino's HTTP event listener posts to us."""

import asyncio
import json

import aiohttp
import pytest
from conftest import eventually
from pydantic import SecretStr

from producers.platform import Endpoint, QueryListener, Scraper, Sending
from producers.platform.listener import MAX_BODY_BYTES, parse_address
from stream_app.embedded import EmbeddedBroker
from stream_app.errors import SettingsError, SourceError
from stream_app.settings import KafkaSettings

TOKEN = "a-token-that-nobody-guesses"


def event(number=1, **changes):
    metadata = {"queryId": f"q{number}", "query": "SELECT 'SESAME'", "queryState": "FINISHED"}
    statistics = {"wallTime": 1.5, "cpuTime": 3.0}
    return {"metadata": metadata, "statistics": statistics, "endTime": 1e9 + number} | changes


class Posting:
    """Posts as Trino does."""

    def __init__(self, port, token=TOKEN):
        self.url = f"http://127.0.0.1:{port}/v1/events"
        self.headers = {} if token is None else {"Authorization": f"Bearer {token}"}

    async def __call__(self, body, **more):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {**self.headers, **more.pop("headers", {})}
        async with (
            aiohttp.ClientSession() as session,
            session.post(self.url, data=data, headers=headers) as answer,
        ):
            return answer.status, await answer.text()


def listening(token=TOKEN):
    bound = asyncio.get_running_loop().create_future()
    return QueryListener("127.0.0.1", 0, None if token is None else SecretStr(token), bound), bound


@pytest.mark.integration
async def test_an_event_is_answered_when_kafka_has_it(sending, running, sent):
    listener, bound = listening()
    async with running(sending(limit=41), listener) as (_, _, task):
        post = Posting(await asyncio.wait_for(bound, 20))
        assert await post(event()) == (200, "{}")
        async with sent() as so_far:
            # It was answered, so it is there.
            (record,) = await eventually(so_far)
            answers = await asyncio.gather(*(post(event(number)) for number in range(2, 42)))
            assert {status for status, _ in answers} == {200}
            summary = await asyncio.wait_for(task, 20)
            records = await eventually(lambda: _all(so_far, 41))
    assert record["metadata"] == {
        "queryId": "q1",
        "query": record["metadata"]["query"],
        "queryState": "FINISHED",
    }
    assert record["statistics"] == {"wallTime": 1.5, "cpuTime": 3.0}
    assert {one["metadata"]["queryId"] for one in records} == {f"q{number}" for number in range(1, 42)}
    assert "SESAME" not in json.dumps(records)
    assert (summary.records, summary.interrupted) == (41, False)


async def _all(so_far, count):
    records = await so_far()
    return records if len(records) >= count else None


@pytest.mark.integration
async def test_strangers_and_hostile_bodies_are_refused_and_others_still_served(sending, running):
    listener, bound = listening()
    async with running(sending(), listener) as (told, stop, task):
        port = await asyncio.wait_for(bound, 20)
        for token in (None, "another", "", TOKEN + "x", TOKEN[:-1]):
            status, text = await Posting(port, token)(event())
            assert status == 401
            assert TOKEN not in text
        post = Posting(port)
        assert (await post(b"SELECT 'SESAME'"))[0] == 400
        assert (await post({"metadata": {"queryId": "q", "query": ["SESAME"]}}))[0] == 400
        assert (await post(b"[" * 1_000_000))[0] == 400
        assert (await post(b" " * (MAX_BODY_BYTES + 1)))[0] == 413
        status, _ = await post(b"\x1f\x8bnot gzip", headers={"Content-Encoding": "gzip"})
        assert status == 415
        created = {"metadata": {"queryId": "q"}, "createTime": 1e9}
        assert (await post(created))[0] == 200
        async with aiohttp.ClientSession() as session, session.get(post.url, headers=post.headers) as answer:
            assert answer.status == 405
        assert (await post(event()))[0] == 200
        stop.set()
        summary = await asyncio.wait_for(task, 20)
    assert summary.records == 1
    assert summary.interrupted
    assert summary.left_out["not JSON"] >= 1
    assert "SESAME" not in " ".join([*told.notes, *summary.left_out])


@pytest.mark.integration
async def test_a_page_in_a_local_browser_cannot_post_where_there_is_no_token(sending, running):
    listener, bound = listening(token=None)
    async with running(sending(), listener) as (_, _, _):
        post = Posting(await asyncio.wait_for(bound, 20), token=None)
        for headers in (
            {"Origin": "http://evil.example"},
            {"Host": "evil.example"},
            {"Host": "evil.example:80"},
        ):
            assert (await post(event(), headers=headers))[0] == 403
        for headers in ({}, {"Host": "localhost:1"}, {"Host": "[::1]:1"}):
            assert (await post(event(), headers=headers))[0] == 200


@pytest.mark.integration
async def test_a_body_that_never_ends_is_given_up(sending, running, monkeypatch):
    monkeypatch.setattr("producers.platform.listener._BODY_SECONDS", 0.3)
    listener, bound = listening(token=None)
    async with running(sending(), listener):
        port = await asyncio.wait_for(bound, 20)
        slow = [await asyncio.open_connection("127.0.0.1", port) for _ in range(10)]
        for _, writer in slow:
            writer.write(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
        answers = [await asyncio.wait_for(reader.readline(), 20) for reader, _ in slow]
        assert {answer.split()[1] for answer in answers} == {b"408"}
        assert (await Posting(port, token=None)(event()))[0] == 200
        for _, writer in slow:
            writer.close()


@pytest.mark.integration
async def test_an_event_is_not_taken_while_kafka_is_away(running, monkeypatch):
    monkeypatch.setattr("producers.platform.listener._PATIENCE_SECONDS", 1.0)
    monkeypatch.setattr("producers.platform.sink._LAST_SECONDS", 1.0)
    broker = EmbeddedBroker()
    plan = Sending(
        platform="prod", kafka=KafkaSettings(bootstrap=broker.start()), topic="platform", partitions=1
    )
    listener, bound = listening(token=None)
    async with running(plan, listener) as (_, stop, task):
        post = Posting(await asyncio.wait_for(bound, 20), token=None)
        assert (await post(event()))[0] == 200
        broker.stop()
        status, text = await post(event(2))
        assert (status, json.loads(text)["error"]) == (503, "Kafka does not answer; send it again")
        stop.set()
        assert (await asyncio.wait_for(task, 30)).records == 1


@pytest.mark.integration
async def test_what_kafka_does_not_take_does_not_keep_it_from_ending(running, monkeypatch, tmp_path):
    monkeypatch.setattr("producers.platform.sink._LAST_SECONDS", 0.5)
    broker = EmbeddedBroker()
    plan = Sending(
        platform="prod", kafka=KafkaSettings(bootstrap=broker.start()), topic="platform", partitions=1
    )
    scraper = Scraper([Endpoint("http://127.0.0.1:1/metrics", option="--scrape")], 0.1)
    async with running(plan, scraper) as (told, stop, task):
        await eventually(lambda: any("trying again" in note for note in told.notes))
        broker.stop()
        await asyncio.sleep(0.3)
        stop.set()
        assert (await asyncio.wait_for(task, 30)).interrupted
    assert any(note.startswith("given up: what Kafka has not acknowledged") for note in told.notes)


@pytest.mark.integration
async def test_a_port_that_is_taken_is_told(sending, running):
    listener, bound = listening()
    async with running(sending(), listener):
        port = await asyncio.wait_for(bound, 20)
        async with running(sending(), QueryListener("127.0.0.1", port)) as (_, _, task):
            with pytest.raises(SourceError, match=rf"127\.0\.0\.1:{port} cannot be opened: .*in use"):
                await asyncio.wait_for(task, 20)


def test_nobody_listens_to_a_network_without_a_token():
    with pytest.raises(SettingsError, match=r"anybody who reaches 0\.0\.0\.0 could post"):
        QueryListener("0.0.0.0", 8090)
    assert TOKEN not in repr(QueryListener("0.0.0.0", 8090, SecretStr(TOKEN)))


@pytest.mark.parametrize(
    "text", ["", "8090", ":8090", "host:", "host:many", "host:65536", "host:-1", "host:²"]
)
def test_what_is_no_address_is_refused(text):
    with pytest.raises(SettingsError, match="is no HOST:PORT"):
        parse_address(text)
