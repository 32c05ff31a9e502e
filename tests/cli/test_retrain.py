"""``streamgauge retrain``: what it refuses at once, features of views, and a whole call over a file."""

import asyncio
import json
from contextlib import AsyncExitStack

import msgspec
import pytest
from formats.messages import avro, confluent
from retraining.models import rows
from servers.schema_registry import SchemaRegistryServer
from typer.testing import CliRunner

from stream_app.cli.main import program
from stream_app.cli.retrain.views import ViewValues
from stream_app.errors import DataError, SettingsError
from stream_app.events import PredictionRow
from stream_app.retraining import find_job
from stream_app.settings import ModelRetraining, PredictionStream, SessionStream, load_settings

VIEW = {
    "name": "purchases",
    "entity": "customer",
    "features": {"spent_30m": {"sum": "amount", "window": "30m"}},
}


def called(*arguments, catch=True):
    return CliRunner().invoke(program(("retrain",)), ["retrain", *arguments], catch_exceptions=catch)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[streams.a]\nkind = 'predictions'\n[streams.b]\nkind = 'predictions'\n", "name the stream of predictions to learn from; there is a, b"),
        ("[streams.a]\nkind = 'predictions'\n[retraining.shop]\nstream = 'c'\n", "no stream of predictions 'c'; there is a"),
        ("[streams.a]\nkind = 'predictions'\ntask = 'regression'\n", "are values; classifiers only"),
        ("[streams.a]\nkind = 'predictions'\n[retraining.shop]\ntrainer = 'shop.models:fit'\n", "would import code; to allow it, set trainer_modules"),
        ("kafka = 'localhost:9'\n[streams.a]\nkind = 'predictions'\n", "no store: the audit log waits there"),
        ("[streams.a]\nkind = 'predictions'\n", "no broker"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_before_anything_is_read(tmp_path, text, message):
    file = tmp_path / "monitor.toml"
    file.write_text(text)
    ended = called("shop", "-c", str(file))
    assert isinstance(ended.exception, SettingsError)
    assert message in str(ended.exception)


@pytest.mark.integration
async def test_values_of_a_view_are_those_before_each_prediction(settings, producer, make_topic):
    topic = await make_topic("session.events")
    for ts, amount in ((100.0, 2.5), (200.0, 4.0), (300.0, 8.0)):
        event = {"entity": "ann", "ts": ts, "type": "purchase", "values": {"amount": amount}}
        await producer.send_and_wait(
            topic, key=b"ann", value=json.dumps(event).encode(), timestamp_ms=int(ts * 1000)
        )
    settings = settings.model_copy(
        update={
            "streams": {
                "answers": PredictionStream(),
                "shop": SessionStream(topic=topic, entity_field="entity", views=[VIEW]),
            },
            "retraining": {"churn": ModelRetraining(view="purchases:v1")},
        }
    )
    values = ViewValues(settings, find_job(settings, "churn"), AsyncExitStack())
    asked = [
        PredictionRow("churn", ts, str(ts), prediction="x", label="x", categories={"customer": "ann"})
        for ts in (200.0, 201.0, 3000.0)
    ]
    asked.append(PredictionRow("churn", 201.0, "nobody", prediction="x", label="x"))
    assert [dict(one) for one in await values.history(asked)] == [
        {"spent_30m": 2.5},
        {"spent_30m": 6.5},
        {"spent_30m": 0.0},
        {},
    ]
    with pytest.raises(DataError, match="no prediction has the category 'customer'"):
        await values.history(asked[-1:])


@pytest.mark.slow
@pytest.mark.integration
async def test_a_call_over_a_file_registers_and_says_what_it_would_do(settings, tmp_path, store):
    recorded = rows(1200, turned=True, start=1.7e9)
    lines = [
        {
            "source": row.source,
            "ts": row.ts,
            "id": row.id,
            "prediction": row.prediction,
            "label": row.label,
            "features": row.features,
        }
        for row in recorded
    ]
    (tmp_path / "labelled.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    file = tmp_path / "monitor.toml"
    file.write_text(
        f'redis = "{settings.redis.url.get_secret_value()}"\nprefix = "{settings.prefix}"\nregistry = "sqlite:///{tmp_path}/registry.db"\n'
        "[streams.answers]\nkind = 'predictions'\n[retraining.shop]\ntrainer = 'logistic'\n"
    )
    assert load_settings(file).retraining["shop"].trainer == "logistic"
    call = (
        "shop",
        "--events",
        str(tmp_path / "labelled.jsonl"),
        "--skip-trial",
        "--by",
        "ann",
        "-c",
        str(file),
    )
    ended = await asyncio.to_thread(called, *call, "--json", catch=False)
    outcome = msgspec.json.decode(ended.stdout.splitlines()[-1])
    assert (outcome["verdict"], outcome["version"], outcome["champion"]) == ("would promote", 1, None)
    assert outcome["challenger_figures"]["accuracy"] > 0.9 > outcome["champion_figures"]["accuracy"]
    told = [msgspec.json.decode(raw) for raw in await store.client.lrange(store.keys.deeds, 0, -1)]
    assert [(one["kind"], one["by"], one["source"], one["subject"]) for one in told] == [
        ("model.registered", "ann", "shop", "1"),
        ("model.kept", "ann", "shop", "1"),
    ]
    shown = await asyncio.to_thread(called, *call, "--promote", catch=False)
    assert "promoted: on 300 later rows: switch to challenger" in shown.stdout


EVENT = {
    "type": "record",
    "name": "Answer",
    "fields": [
        *({"name": name, "type": "string"} for name in ("source", "id", "prediction", "label")),
        *({"name": name, "type": "double"} for name in ("ts", "a", "b")),
    ],
}


@pytest.mark.slow
@pytest.mark.integration
async def test_events_whose_schemas_are_in_a_registry_are_learned_from(
    settings, tmp_path, producer, make_topic
):
    topic, schemas = await make_topic("answers"), SchemaRegistryServer()
    number = schemas.register("answers-value", json.dumps(EVENT))
    url = await schemas.start()
    for row in rows(1200, start=1.7e9):
        event = {name: getattr(row, name) for name in ("source", "id", "prediction", "label", "ts")}
        await producer.send(topic, value=confluent(number, avro(EVENT, event | dict(row.features))))
    await producer.flush()
    file = tmp_path / "monitor.toml"
    file.write_text(
        f'kafka = "{settings.kafka.bootstrap}"\nredis = "{settings.redis.url.get_secret_value()}"\n'
        f'prefix = "{settings.prefix}"\nregistry = "sqlite:///{tmp_path}/registry.db"\nschema_registry = "{url}"\n'
        f"[streams.answers]\nkind = 'predictions'\ntopic = '{topic}'\nformat = 'avro'\n"
        "mapping = { time = 'ts', features = '.' }\n[retraining.shop]\ntrainer = 'logistic'\n"
    )
    try:
        ended = await asyncio.to_thread(
            called, "shop", "--skip-trial", "-c", str(file), "--json", catch=False
        )
    finally:
        await schemas.stop()
    outcome = msgspec.json.decode(ended.stdout.splitlines()[-1])
    assert (outcome["learned"], outcome["later"]) == (900, 300)
