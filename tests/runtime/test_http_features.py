"""Live features over the worker's HTTP port, over a real store."""

import asyncio
import contextlib
import json
import re
import tracemalloc
import zlib
from html.parser import HTMLParser
from urllib.parse import quote

import aiohttp
import msgspec
import pytest
from conftest import eventually
from http_port import TOKEN, Watched
from serving import NOW, Shop, bought, purchases
from yarl import URL

from stream_app.client import AsyncFeatureClient
from stream_app.core.features import DAY
from stream_app.embedded import EmbeddedStore, free_port
from stream_app.errors import UnknownFeatureError
from stream_app.events import Topics
from stream_app.runtime.http import start_http
from stream_app.runtime.http_openapi import Columns, Entities, Entity, Problem
from stream_app.runtime.worker import Worker
from stream_app.settings import RedisSettings, SessionStream, Settings, WorkerSettings
from stream_app.store import open_store

pytestmark = pytest.mark.integration


@pytest.fixture
async def serve():
    """Serve the features of a store on a free port; returns how to ask for a path."""
    stops = []

    async def start(store, **settings):
        port = free_port()
        watched = Watched(Settings(worker=WorkerSettings(metrics_port=port, **settings)))
        stops.append(await start_http(watched, store))
        session = aiohttp.ClientSession(f"http://127.0.0.1:{port}", timeout=aiohttp.ClientTimeout(20))
        stops.append(session.close)

        async def ask(path, *, method="GET", **options):
            url = URL(f"http://127.0.0.1:{port}{path}", encoded=True)
            async with session.request(method, url, **options) as answer:
                text = await answer.text()
                is_json = "json" in answer.content_type
                return answer.status, answer.headers, json.loads(text) if is_json else text

        return ask

    yield start
    for stop in reversed(stops):
        await stop()


@pytest.fixture
async def shop(redis_settings):
    shop = await Shop(redis_settings).register()
    await shop.sell(bought("17850", NOW - 1200, 4.0), bought("17850", NOW - 60, -1.5))
    return shop


@pytest.fixture
async def ask(serve, shop, store):
    return await serve(store)


def problem(answer, status, said):
    found, headers, told = answer
    assert (found, told["status"]) == (status, status)
    assert headers["Content-Type"].startswith("application/problem+json")
    assert told["type"].startswith("/docs#")
    assert told["title"]
    assert said in told["detail"], told
    return told


async def test_one_entity_has_all_features_of_the_latest_version(ask):
    status, headers, told = await ask(f"/features/purchases/17850?at={NOW}")
    assert status == 200
    assert headers["Cache-Control"] == "no-store"
    values = told.pop("values")
    assert told == {
        "entity": "17850", "view": "purchases:v2", "at": NOW, "event_ts": NOW - 60, "age": 60.0, "status": "fresh",
        "incomplete": [],
    }  # fmt: skip
    assert list(values) == [feature.name for feature in purchases(2).features]
    assert (values["spent_30m"], values["lines_30m"], values["pause"]) == (2.5, 2.0, 60.0)


@pytest.mark.parametrize(
    "at", [str(NOW), "2023-11-14T22:13:20Z", "2023-11-14T23:13:20%2B01:00", "2023-11-14T23:13:20+01:00"]
)
async def test_some_features_of_a_version_at_an_instant(ask, at):
    _, _, told = await ask(f"/features/purchases:v1/17850?features=spent_30m,lines_30m&at={at}")
    assert (told["view"], told["at"]) == ("purchases:v1", NOW)
    assert told["values"] == {"spent_30m": 2.5, "lines_30m": 2.0}


async def test_an_entity_that_is_not_known_is_missing_and_one_without_an_instant_is_asked_now(ask):
    status, _, told = await ask("/features/purchases:latest/nobody?features=spent_30m")
    assert (status, told["status"], told["event_ts"], told["values"]) == (
        200,
        "missing",
        None,
        {"spent_30m": None},
    )
    assert told["at"] > NOW


@pytest.mark.parametrize("entity", ["a:b", "{a}", "a/b", "a b", "ä?&#%", "x" * 256])
async def test_an_entity_may_have_any_printable_name(ask, shop, entity):
    await shop.sell(bought(entity, NOW - 10, 7.0))
    _, _, told = await ask(f"/features/purchases/{quote(entity, safe='')}?features=spent_30m&at={NOW}")
    assert (told["entity"], told["values"]) == (entity, {"spent_30m": 7.0})


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/features/purchase/17850", 404, "no feature view 'purchase'; did you mean purchases?"),
        ("/features/purchases:v9/17850", 404, "has no version 9; there is v1, v2"),
        ("/features/purchases/17850?features=spend_30m", 404, "did you mean spent_30"),
        ("/features/purchases/17850?features=", 400, "name at least one"),
        ("/features/purchases/17850?feature=spent_30m", 400, "unknown field `feature`; there is features, at"),
        ("/features/purchases/17850?at=tomorrow", 400, "at: "),
        ("/features/purchases/17850?at=nan", 400, "at: "),
        ("/features/purchases/a%0Ab", 400, "can be no entity"),
        ("/features/purchases/%FF", 400, "no percent-encoded UTF-8"),
        ("/features/purchases/", 400, "can be no entity"),
        ("/features/purchases/" + "x" * 257, 400, "can be no entity"),
        ("/features//17850", 404, "names no feature"),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_said_as_problem_details(ask, path, status, said):
    problem(await ask(path), status, said)


async def test_a_batch_is_told_in_its_order(ask):
    query = {
        "features": ["purchases:v1:spent_30m", "purchases:pause"],
        "entities": ["nobody", "17850"],
        "at": NOW,
    }
    status, _, told = await ask("/features", method="POST", json=query)
    assert status == 200
    assert (told["at"], told["features"]) == (NOW, query["features"])
    nobody, one = told["entities"]
    assert (nobody["entity"], nobody["values"]["purchases:pause"]) == ("nobody", None)
    assert nobody["views"]["purchases:v1"] == {"event_ts": None, "age": None, "status": "missing"}
    assert one["values"] == {"purchases:v1:spent_30m": 2.5, "purchases:pause": 60.0}
    assert one["views"]["purchases:v2"] == {"event_ts": NOW - 60, "age": 60.0, "status": "fresh"}


async def test_a_batch_as_columns_is_the_same(ask, shop):
    await shop.sell(bought("13047", NOW - 40 * DAY, 9.0))
    query = {
        "features": ["purchases:v1:*", "purchases:pause"],
        "entities": ["nobody", "17850", "13047"],
        "at": NOW,
    }
    _, _, rows = await ask("/features", method="POST", json=query)
    status, _, columns = await ask("/features/columns", method="POST", json=query)
    assert status == 200
    assert (columns["at"], columns["features"], columns["entities"]) == (
        NOW,
        rows["features"],
        query["entities"],
    )
    for i, row in enumerate(rows["entities"]):
        assert [column[i] for column in columns["values"]] == list(row["values"].values())
        for key, known in row["views"].items():
            assert {name: told[i] for name, told in columns["views"][key].items()} == known
    assert columns["incomplete"] == {}
    msgspec.convert(columns, Columns)


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"{", 400, "the body: "),
        (b"\xff", 400, "the body: "),
        (b"[" * 100_000, 400, "the body: "),
        (b"[]", 400, "Expected `object`"),
        (b'{"features": ["purchases:*"]}', 400, "entities"),
        (b'{"features": [], "entities": []}', 400, "features"),
        (b'{"features": ["purchases:*"], "entities": [17850]}', 400, "$.entities[0]"),
        (b'{"features": ["purchases:*"], "entities": [], "when": 1}', 400, "when"),
        (b'{"features": ["purchases:*"], "entities": [], "at": -1}', 400, "$.at"),
        (b'{"features": ["purchases:*"], "entities": [], "at": "1e18"}', 400, "at: "),
        (b'{"features": ["purchases:*"], "entities": ["a\\nb"]}', 400, "entities[0]"),
        (b'{"features": ["purchases:*"], "entities": [""]}', 400, "entities[0]"),
        (b'{"features": ["purchases:x"], "entities": []}', 404, "purchases:v2 has no feature 'x'"),
        (json.dumps({"features": ["purchases:*"], "entities": ["x"] * 1001}).encode(), 400, "length <= 1000"),
        (b'{"features": ["purchases:*"], "entities": ["' + b"x" * 2_000_000 + b'"]}', 413, "more than 1048576 bytes"),
    ],
)  # fmt: skip
async def test_what_is_wrong_with_a_batch_is_said(ask, body, status, said):
    headers = {"Content-Type": "application/json"}
    problem(await ask("/features", method="POST", data=body, headers=headers), status, said)
    assert (await ask("/livez"))[0] == 200


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_compressed_body_is_bounded_as_it_is_unpacked(ask, encoding):
    wbits = {"gzip": 31, "deflate": 15}[encoding]
    headers = {"Content-Type": "application/json", "Content-Encoding": encoding}

    def packed(body):
        packer = zlib.compressobj(wbits=wbits)
        return packer.compress(body) + packer.flush()

    query = json.dumps({"features": ["purchases:spent_30m"], "entities": ["17850"]}).encode()
    assert (await ask("/features", method="POST", data=packed(query), headers=headers))[0] == 200
    bomb = packed(query[:-2] + b" " * 50_000_000)
    assert len(bomb) < 1_048_576
    tracemalloc.start()
    answer = await ask("/features", method="POST", data=bomb, headers=headers)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    problem(answer, 413, "more than 1048576 bytes")
    assert most < 15_000_000


async def test_a_page_of_another_origin_cannot_ask_without_being_asked_first(ask):
    query = json.dumps({"features": ["purchases:*"], "entities": ["17850"]}).encode()
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        answer = await ask("/features", method="POST", data=query, headers={"Content-Type": kind})
        problem(answer, 415, "application/json is expected")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/features", "POST"),
        ("POST", "/features/purchases/17850", "GET,HEAD"),
        ("DELETE", "/features", "POST"),
        ("DELETE", "/features/columns", "POST"),
    ],
)
async def test_other_methods_are_refused(ask, method, path, allow):
    status, headers, _ = await ask(path, method=method)
    assert (status, headers["Allow"]) == (405, allow)


async def test_behind_a_token_nothing_is_told_without_it(serve, shop, store):
    ask = await serve(store, http_token=TOKEN)
    query = {"features": ["purchases:*"], "entities": ["17850"]}
    asked = [("GET", "/features/purchases/17850", {}), ("POST", "/features", {"json": query}), ("GET", "/docs", {}),
             ("GET", "/openapi.json", {})]  # fmt: skip
    for method, path, options in asked:
        status, headers, told = await ask(path, method=method, **options)
        assert (status, told) == (401, "401 Unauthorized\n")
        assert headers["WWW-Authenticate"].startswith("Bearer")
        allowed = {"Authorization": f"Bearer {TOKEN}"}
        assert (await ask(path, method=method, headers=allowed, **options))[0] == 200


async def test_a_store_that_is_away_is_a_problem_of_a_moment(serve, prefix):
    server = EmbeddedStore()
    url = server.start()
    settings = RedisSettings(url=url, prefix=prefix)
    shop = await Shop(settings).register()
    await shop.sell(bought("17850", NOW - 60))
    store = open_store(settings, retries=0, timeout=2.0)
    ask = await serve(store)
    assert (await ask(f"/features/purchases/17850?at={NOW}"))[0] == 200
    server.stop()
    answer = await ask(f"/features/purchases/17850?at={NOW}")
    told = problem(answer, 503, "the store does not answer")
    assert answer[1]["Retry-After"] == "1"
    assert "127.0.0.1" not in json.dumps(told)
    await store.close()


async def test_a_damaged_log_is_told_to_nobody_but_the_log(ask, shop, store):
    await store.client.set(store.keys.features("purchases", 2, "17850"), b"no log")
    told = problem(await ask("/features/purchases/17850"), 500, "the worker's log says more")
    assert store.keys.prefix not in json.dumps(told)


class Links(HTMLParser):
    def __init__(self):
        super().__init__()
        self.ids, self.links, self.tags = set(), set(), set()

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        named = dict(attributes)
        self.ids.add(named.get("id"))
        self.links.update(named[name] for name in ("href", "src") if name in named)


async def test_the_document_and_the_page_describe_what_there_is(ask):
    _, _, document = await ask("/openapi.json")
    assert document["openapi"].startswith("3.1")
    assert set(document["paths"]) == {
        "/features/{view}/{entity}",
        "/features",
        "/features/columns",
        "/live/{stream}/{source}",
        "/history/{stream}/{source}",
        "/alerts",
        "/alerts/stream",
        "/incidents",
        "/incidents/{incident}/verdict",
    }
    schemas = document["components"]["schemas"]
    for name in re.findall(r"#/components/schemas/(\w+)", json.dumps(document)):
        assert name in schemas
    _, _, one = await ask("/features/purchases/17850")
    msgspec.convert(one, Entity)
    msgspec.convert((await ask("/features/purchases/nobody"))[2], Entity)
    msgspec.convert((await ask("/features/purchase/17850"))[2], Problem)
    query = document["paths"]["/features"]["post"]["requestBody"]["content"]["application/json"]["example"]
    status, _, told = await ask("/features", method="POST", json=query)
    assert status == 200
    msgspec.convert(told, Entities)
    assert document["security"] == []

    status, headers, page = await ask("/docs")
    assert (status, headers["Content-Type"].partition(";")[0]) == (200, "text/html")
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    links = Links()
    links.feed(page)
    assert "script" not in links.tags
    assert links.links <= {"/openapi.json", *(f"#{name}" for name in links.ids)}
    for kind in ("unknown-feature", "bad-request", "unavailable", "store", "too-large", "not-json"):
        assert kind in links.ids
    for path in document["paths"]:
        assert path in page


async def test_the_document_is_as_strict_as_the_port(ask):
    _, _, document = await ask("/openapi.json")
    query = document["components"]["schemas"]["Query"]
    assert query["required"] == ["features", "entities"]
    assert query["additionalProperties"] is False
    most = {name: query["properties"][name]["maxItems"] for name in ("features", "entities")}
    for name, limit in most.items():
        body = {"features": ["purchases:spent_30m"], "entities": ["17850"]}
        for length, status in ((limit, 200), (limit + 1, 400)):
            many = body | {name: body[name] * length}
            assert (await ask("/features", method="POST", json=many))[0] == status
    longest = query["properties"]["entities"]["items"]["maxLength"]
    for length, status in ((longest, 200), (longest + 1, 400), (0, 400)):
        many = {"features": ["purchases:spent_30m"], "entities": ["x" * length]}
        assert (await ask("/features", method="POST", json=many))[0] == status
    parameters = document["paths"]["/features/{view}/{entity}"]["get"]["parameters"]
    assert [(one["name"], one["required"]) for one in parameters] == [
        ("view", True), ("entity", True), ("features", False), ("at", False)
    ]  # fmt: skip
    path = "/features/{view}/{entity}".format(**{one["name"]: one["example"] for one in parameters})
    asked = "&".join(f"{one['name']}={one['example']}" for one in parameters if one["in"] == "query")
    assert (await ask(f"{path}?{asked}"))[0] == 200


async def test_the_document_says_that_a_token_is_asked_for(serve, store):
    ask = await serve(store, http_token=TOKEN)
    _, _, document = await ask("/openapi.json", headers={"Authorization": f"Bearer {TOKEN}"})
    assert document["security"] == [{"token": []}]
    assert all("401" in one["responses"] for path in document["paths"].values() for one in path.values())


async def test_many_large_batches_at_once_are_answered(serve, redis_settings, store):
    shop = await Shop(redis_settings, purchases(1)).register()
    names = [f"customer:{i}" for i in range(1000)]
    await shop.sell(*(bought(name, NOW - 10 * i) for name in names for i in range(10)))
    ask = await serve(store)
    query = {"features": ["purchases:*"], "entities": names, "at": NOW + 1}
    answers = asyncio.gather(*(ask("/features", method="POST", json=query) for _ in range(8)))
    assert (await ask("/livez"))[0] == 200
    for status, _, told in await answers:
        assert status == 200
        assert [one["values"]["purchases:lines_30m"] for one in told["entities"]] == [10.0] * 1000


async def test_without_a_store_there_are_no_features(serve):
    ask = await serve(None)
    assert (await ask("/features/purchases/17850"))[0] == 404


async def test_a_worker_serves_what_its_stream_says(settings, redis_settings, producer, make_topic):
    """From an event in Kafka to the port of the worker, the client and the page, all telling the same."""
    await make_topic("session.events")
    port = free_port()
    worker = settings.worker.model_copy(update={"metrics_port": port})
    streams = {"sessions": SessionStream(max_future="100 years")}
    running = Worker(settings.model_copy(update={"worker": worker, "streams": streams}), [purchases(1)])
    task = asyncio.create_task(running.run(handle_signals=False))
    try:
        for ts, amount in ((NOW - 1200, 4.0), (NOW - 60, -1.5)):
            event = {"entity": "a:b", "ts": ts, "values": {"amount": amount}}
            await producer.send_and_wait(Topics(settings.prefix).sessions, json.dumps(event).encode())
        client = AsyncFeatureClient(redis_settings)

        async def told():
            with contextlib.suppress(UnknownFeatureError):
                found = await client.get_online_features(["purchases:*"], ["a:b"], NOW)
                return found.of_one() if found.to_numpy()[0, 0] == 2.0 else None

        found = await eventually(told)
        assert found["values"]["spent_30m"] == 2.5
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            async with session.get(f"/features/purchases/a:b?at={NOW}") as answer:
                assert await answer.json() == found
            async with session.get("/metrics") as answer:
                assert answer.status == 200
        await client.close()
    finally:
        running.stop()
        await asyncio.wait_for(task, 20)
