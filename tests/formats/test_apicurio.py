"""Schemas of a real registry, by both of its APIs."""

import json

import aiohttp
import pytest
from servers.apicurio import Apicurio, missing

from stream_app.errors import RegistryError, SettingsError
from stream_app.formats.avro import compile_avro
from stream_app.formats.framing import SchemaId
from stream_app.formats.protobuf import compile_protobuf
from stream_app.formats.registry import SchemaRegistry
from stream_app.settings import SchemaRegistrySettings

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.skipif(missing() is not None, reason=str(missing())),
]

UNIT = {"type": "record", "name": "Unit", "namespace": "p", "fields": [{"name": "u", "type": "string"}]}
READING = {"type": "record", "name": "R", "namespace": "p", "fields": [{"name": "unit", "type": "p.Unit"}]}


async def test_schemas_and_what_they_refer_to_are_found_by_both_apis(tmp_path):
    server = Apicurio(tmp_path)
    url = server.start()
    try:
        async with aiohttp.ClientSession() as session:

            async def register(subject, schema, kind="AVRO", **more):
                body = {"schemaType": kind, "schema": schema, **more}
                where = f"{url}/apis/ccompat/v7/subjects/{subject}/versions"
                async with session.post(where, json=body) as answer:
                    return (await answer.json(content_type=None))["id"]

            await register("unit", json.dumps(UNIT))
            refers = [{"name": "p.Unit", "subject": "unit", "version": 1}]
            number = await register("r-value", json.dumps(READING), references=refers)
            protobuf = await register("pb", 'syntax = "proto3"; message R { double flow = 1; }', "PROTOBUF")
            async with session.get(f"{url}/apis/registry/v3/system/info") as answer:
                version = "v3" if answer.status == 200 else "v2"
        for api in ("ccompat/v7", f"registry/{version}"):
            registry = SchemaRegistry(SchemaRegistrySettings(url=f"{url}/apis/{api}"))
            artifact = await registry.fetch(SchemaId(number))
            schema = compile_avro(artifact)
            assert [field["name"] for field in schema.parsed["fields"]] == ["unit"]
            assert list(artifact.references) == ["p.Unit"]
            assert await registry.fetch(SchemaId(999)) is None
            if api.startswith("registry"):
                assert (await registry.fetch(SchemaId(number, "global"))).text == artifact.text
            else:
                with pytest.raises(RegistryError, match="knows no global ids"):
                    await registry.fetch(SchemaId(number, "global"))
        with pytest.raises(SettingsError, match="protoc"):
            compile_protobuf(await registry.fetch(SchemaId(protobuf)))
    finally:
        server.stop()
