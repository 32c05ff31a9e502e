"""A Redis Cluster of three masters."""

import time
from pathlib import Path

import redis
from redis.crc import key_slot
from servers.redis import RedisServer

from stream_app.embedded import free_port

__all__ = ["RedisCluster"]

_SLOTS = 16_384


class RedisCluster:
    """Three servers, each with a third of the slots.

    Parameters
    ----------
    directory : path
        Where their data is.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._bus = [free_port() for _ in range(3)]
        self.servers = [_node(directory, bus) for bus in self._bus]
        self._clients = [redis.Redis(port=server.port, decode_responses=True) for server in self.servers]

    def start(self, timeout: float = 30.0) -> str:
        """Start them, let them meet, and return the URL of one."""
        try:
            urls = [server.start() for server in self.servers]
            edges = [_SLOTS * i // 3 for i in range(4)]
            for i, client in enumerate(self._clients):
                client.execute_command("CLUSTER SET-CONFIG-EPOCH", i + 1)
                client.execute_command("CLUSTER ADDSLOTSRANGE", edges[i], edges[i + 1] - 1)
                self._clients[0].execute_command(
                    "CLUSTER MEET", "127.0.0.1", self.servers[i].port, self._bus[i]
                )
            _wait(lambda: all(map(self._complete, self._clients)), timeout)
        except BaseException:
            self.stop()
            raise
        return urls[0]

    def add_replica(self, primary: RedisServer, timeout: float = 30.0) -> RedisServer:
        """Start a replica of one of them, and wait until all know it."""
        replica = _node(self._directory, free_port())
        self.servers.append(replica)
        replica.start()
        client = redis.Redis(port=replica.port, decode_responses=True)
        self._clients.append(client)
        first = self.servers.index(primary)
        name = self._clients[first].execute_command("CLUSTER MYID")
        client.execute_command("CLUSTER MEET", "127.0.0.1", primary.port, self._bus[first])
        _wait(lambda: name in str(client.execute_command("CLUSTER NODES")), timeout)
        client.execute_command("CLUSTER REPLICATE", name)
        return replica

    def in_step(self, replica: RedisServer) -> bool:
        """Whether all nodes know a replica, and it has what its primary has."""
        info = self._clients[self.servers.index(replica)].info("replication")
        shown = [str(client.execute_command("CLUSTER SLOTS")) for client in self._clients]
        return info["master_link_status"] == "up" and all(str(replica.port) in one for one in shown)

    def stop(self) -> None:
        for client in self._clients:
            client.close()
        for server in self.servers:
            server.kill()

    def owner(self, key: str) -> int:
        """Return which of the servers has a key."""
        slot = key_slot(key.encode())
        shards = self._clients[0].execute_command("CLUSTER SLOTS")
        ports = [server.port for server in self.servers]
        (port,) = [node[1] for first, last, node, *_ in _rows(shards) if first <= slot <= last]
        return ports.index(port)

    def keys(self, which: int) -> list[str]:
        """All keys of one server."""
        return list(self._clients[which].scan_iter(count=1000))

    def move(self, key: str, to: int) -> None:
        """Move the slot of a key to another server, as an administrator's tool does."""
        slot, source = key_slot(key.encode()), self.owner(key)
        begin, end = self._clients[source], self._clients[to]
        names = [client.execute_command("CLUSTER MYID") for client in self._clients]
        end.execute_command("CLUSTER SETSLOT", slot, "IMPORTING", names[source])
        begin.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", names[to])
        while found := begin.execute_command("CLUSTER GETKEYSINSLOT", slot, 100):
            begin.execute_command("MIGRATE", "127.0.0.1", self.servers[to].port, "", 0, 5000, "KEYS", *found)
        for client in (end, begin, *self._clients):
            client.execute_command("CLUSTER SETSLOT", slot, "NODE", names[to])

    def _complete(self, client: "redis.Redis[str]") -> bool:
        info = client.execute_command("CLUSTER INFO")
        found = info if isinstance(info, dict) else dict(line.split(":") for line in info.split())
        return found["cluster_state"] == "ok" and found["cluster_known_nodes"] == "3"


def _node(directory: Path, bus: int) -> RedisServer:
    options = {
        "cluster-enabled": "yes",
        "cluster-port": str(bus),
        "cluster-node-timeout": "2000",
        # However long its link was down.
        "cluster-replica-validity-factor": "0",
    }
    return RedisServer(
        directory / str(bus),
        options=[part for name, value in options.items() for part in (f"--{name}", value)],
    )


def _rows(shards):
    if isinstance(shards, dict):
        return [(first, last, (None, said["primary"][1])) for (first, last), said in shards.items()]
    return shards


def _wait(ready, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while not ready():
        if time.monotonic() > deadline:
            raise RuntimeError(f"the cluster is not complete within {timeout} s")
        time.sleep(0.02)
