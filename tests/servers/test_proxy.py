"""The proxy that tests fail servers with fails as it says."""

import asyncio

import pytest
from servers.proxy import Proxy


@pytest.fixture
async def echo():
    """A server that answers each line with the number of lines it has seen."""
    seen = []

    async def serve(reader, writer):
        while line := await reader.readline():
            seen.append(line)
            writer.write(b"%d\n" % len(seen))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    server.port, server.seen = server.sockets[0].getsockname()[1], seen
    yield server
    server.close()


@pytest.fixture
def proxy(echo):
    with Proxy(echo.port) as proxy:
        yield proxy


async def connect(proxy):
    return await asyncio.open_connection("127.0.0.1", proxy.port)


async def ask(connection, timeout=2.0):
    reader, writer = connection
    writer.write(b"line\n")
    return await asyncio.wait_for(reader.readline(), timeout)


async def test_bytes_and_the_end_pass(proxy, echo):
    first, second = await connect(proxy), await connect(proxy)
    assert [await ask(c) for c in (first, second, first)] == [b"1\n", b"2\n", b"3\n"]
    first[1].write_eof()
    assert await asyncio.wait_for(first[0].read(), 2) == b""
    assert await ask(second) == b"4\n"


async def test_a_cut_is_silent_and_what_waited_arrives_after_it(proxy, echo):
    old = await connect(proxy)
    assert await ask(old) == b"1\n"
    await asyncio.to_thread(proxy.cut)
    new = await connect(proxy)
    for connection in (old, new):
        with pytest.raises(TimeoutError):
            await ask(connection, timeout=0.2)
    assert len(echo.seen) == 1
    await asyncio.to_thread(proxy.heal)
    answers = await asyncio.gather(*(asyncio.wait_for(c[0].readline(), 2) for c in (old, new)))
    assert sorted(answers) == [b"2\n", b"3\n"]


async def test_refused_connections_are_reset_and_none_are_taken(proxy):
    connection = await connect(proxy)
    assert await ask(connection) == b"1\n"
    await asyncio.to_thread(proxy.refuse)
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(connection[0].readline(), 2)
    with pytest.raises(ConnectionRefusedError):
        await connect(proxy)
    await asyncio.to_thread(proxy.heal)
    assert await ask(await connect(proxy)) == b"2\n"


async def test_a_reply_is_lost_after_the_request_was_served(proxy, echo):
    connection, other = await connect(proxy), await connect(proxy)
    await asyncio.to_thread(proxy.drop_replies, 1, requests=lambda data: data == b"lose\n")
    assert await ask(other) == b"1\n"
    connection[1].write(b"lose\n")
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(connection[0].readline(), 2)
    assert echo.seen[1:] == [b"lose\n"]
    assert proxy.replies_lost == 1
    again = await connect(proxy)
    again[1].write(b"lose\n")
    assert await asyncio.wait_for(again[0].readline(), 2) == b"3\n"


async def test_a_server_that_is_away_is_a_reset(proxy, echo):
    echo.close()
    await echo.wait_closed()
    with pytest.raises(ConnectionResetError):
        await ask(await connect(proxy))
