"""*Try a file*: what was understood of it, and what a warm-up and a budget would have told."""

import asyncio
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fastapi import Request
from nicegui import app, ui
from nicegui.events import GenericEventArguments
from starlette.responses import PlainTextResponse, Response

from stream_app.dashboard.page import Page, View

__all__ = ["PAGE"]

_LARGEST = 64 << 20
_SECONDS = 120.0
_WARMUP, _BUDGET = 400, "1 per week"
_LONGEST_WARMUP = 1_000_000

_one_at_a_time = asyncio.Semaphore(1)
"""A trial takes a core for as long as it runs; what watches the plant must not wait for several."""


class Trial(ui.element, component="try_file.js"):
    """A file that somebody gave, and what was found in it; forgotten when the page is closed."""

    def __init__(self) -> None:
        super().__init__()
        self._directory = TemporaryDirectory(prefix="streamgauge-")
        self._path: Path | None = None
        self._name = ""
        self._budget, self._warmup, self._time, self._source = _BUDGET, _WARMUP, "", ""
        self._found: dict[str, Any] = {}
        self._running: asyncio.Task[None] | None = None
        self._url = f"/_nicegui/client/{self.client.id}/file/{self.id}"
        app.post(self._url)(self._take)
        self._props.update(url=self._url, largest=_LARGEST, news={"state": "empty"})
        self._props["question"] = {"budget": _BUDGET, "warmup": _WARMUP}
        self.on("ask", self._ask)

    async def _take(self, request: Request) -> Response:
        """Take the bytes of a file."""
        name = request.query_params.get("name", "")[:200]
        # Without an ending: what it is, its content says.
        path, taken = Path(self._directory.name) / "file", 0
        with path.open("wb") as file:
            async for part in request.stream():
                taken += len(part)
                if taken > _LARGEST:
                    break
                file.write(part)
        if taken > _LARGEST:
            path.unlink()
            return PlainTextResponse(f"larger than {_LARGEST >> 20} MiB", status_code=413)
        self._path, self._name, self._source = path, Path(name).stem or "file", ""
        self._start()
        return PlainTextResponse("taken")

    def _ask(self, event: GenericEventArguments) -> None:
        asked = event.args if isinstance(event.args, dict) else {}
        budget, warmup = str(asked.get("budget") or _BUDGET)[:100], asked.get("warmup")
        if not isinstance(warmup, int) or not 0 < warmup <= _LONGEST_WARMUP:
            warmup = _WARMUP
        time = str(asked.get("time") or "").strip()[:256]
        self._source = str(asked.get("source") or "")[:256]
        if (budget, warmup, time) == (self._budget, self._warmup, self._time):
            self._show()
            return
        self._budget, self._warmup, self._time = budget, warmup, time
        if self._path is not None:
            self._start()

    def _start(self) -> None:
        """Judge the file, in place of a trial that still runs."""
        if self._running is not None:
            self._running.cancel()
        self._running = asyncio.create_task(self._judge())

    async def _judge(self) -> None:
        asked = {
            "path": str(self._path),
            "name": self._name,
            "time": self._time or None,
            "budget": self._budget,
            "warmup": self._warmup,
        }
        self._tell({**self._props["news"], "busy": True})
        async with _one_at_a_time:
            found = await _run(asked)
        if "problem" in found:
            found["problem"] = found["problem"].replace(str(self._path), self._name)
        self._found = found
        self._show()

    def _show(self) -> None:
        found = self._found
        if not found or "problem" in found:
            self._tell({**found, "state": "empty"})
            return
        counted = [alert["source"] for alert in found["alerts"]]
        most = max(found["courses"], key=counted.count)
        source = self._source if self._source in found["courses"] else most
        self._tell(
            {
                "state": "there",
                "name": self._name,
                "source": source,
                "sources": list(found["courses"]),
                "course": found["courses"][source],
                "alerts": [alert for alert in found["alerts"] if alert["source"] == source],
                **{
                    name: found[name]
                    for name in ("understood", "notes", "unjudged", "allowed", "paging", "told")
                },
            }
        )

    def _tell(self, news: dict[str, Any]) -> None:
        self._props["news"] = news
        self.update()

    def _handle_delete(self) -> None:
        if self._running is not None:
            self._running.cancel()
        app.remove_route(self._url)
        self._directory.cleanup()
        super()._handle_delete()


async def _run(asked: dict[str, Any]) -> dict[str, Any]:
    """Run a trial in a process, which ends with the caller's patience."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "stream_app.dashboard.trial",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(_SECONDS):
            answer, _ = await process.communicate(json.dumps(asked).encode())
        found: dict[str, Any] = json.loads(answer)
    except TimeoutError:
        return {"problem": f"it was not judged within {_SECONDS:.0f} s; try a smaller part of it"}
    except ValueError:
        return {"problem": "it could not be judged within the time and memory that a trial may take"}
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return found


async def _build(view: View) -> None:
    del view
    Trial()


PAGE = Page("/try", "Try a file", _build)
