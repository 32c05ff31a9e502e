"""Debian's Prometheus and its node exporter."""

import json
import shutil
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from servers.process import ServerProcess

from stream_app.embedded import free_port

__all__ = ["NodeExporter", "Prometheus", "answers", "programs"]


def programs() -> bool:
    """Whether both are installed."""
    return all(map(shutil.which, ("prometheus", "prometheus-node-exporter")))


class NodeExporter(ServerProcess):
    """Exposes the metrics of this machine, a few of them."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory / "node-exporter.log", self._answers)
        self.port = free_port()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/metrics"

    def start(self, timeout: float = 30.0) -> str:
        self._check_stopped()
        collectors = [f"--collector.{name}" for name in ("loadavg", "meminfo", "cpu")]
        self._spawn(
            [
                shutil.which("prometheus-node-exporter"),
                f"--web.listen-address=127.0.0.1:{self.port}",
                "--collector.disable-defaults",
                *collectors,
            ],
            timeout,
        )
        return self.url

    def _answers(self) -> bool:
        return answers(self.url)


class Prometheus(ServerProcess):
    """Scrapes processes.

    Parameters
    ----------
    directory : path
        For its data and its log.
    targets : mapping of str to int
        Value of the label ``instance`` to the port of 127.0.0.1 that is scraped.
    every : str
        Time between two scrapes.
    """

    def __init__(self, directory: Path, targets: Mapping[str, int], every: str = "1s") -> None:
        super().__init__(directory / "prometheus.log", self._answers)
        self.directory, self.targets, self.port = directory, targets, free_port()
        self._every = every

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, timeout: float = 60.0) -> str:
        self._check_stopped()
        self.directory.mkdir(parents=True, exist_ok=True)
        config = self.directory / "prometheus.yml"
        targets = [
            {"targets": [f"127.0.0.1:{port}"], "labels": {"instance": name}}
            for name, port in self.targets.items()
        ]
        job = {"job_name": "node", "static_configs": targets}
        config.write_text(json.dumps({"global": {"scrape_interval": self._every}, "scrape_configs": [job]}))
        self._spawn(
            [
                shutil.which("prometheus"),
                f"--config.file={config}",
                f"--storage.tsdb.path={self.directory / 'data'}",
                f"--web.listen-address=127.0.0.1:{self.port}",
                "--log.level=warn",
            ],
            timeout,
        )
        return self.url

    def samples(self, query: str) -> int:
        """How many samples it has of a query in the last minute."""
        with urllib.request.urlopen(f"{self.url}/api/v1/query?query={query}[1m]", timeout=10) as answer:
            found = json.load(answer)["data"]["result"]
        return sum(len(series["values"]) for series in found)

    def _answers(self) -> bool:
        return answers(f"{self.url}/-/ready")


def answers(url: str) -> bool:
    """Whether an address answers with 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False
