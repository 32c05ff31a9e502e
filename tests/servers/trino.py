"""A server that answers as Trino does to its client: ``POST /v1/statement``, then ``nextUri`` until all rows are told."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

__all__ = ["COLUMNS", "TrinoServer"]

_TEXT = {"rawType": "varchar", "arguments": [{"kind": "LONG", "value": 2147483647}]}
_NUMBER = {"rawType": "bigint", "arguments": []}
_MOMENT = {"rawType": "timestamp with time zone", "arguments": [{"kind": "LONG", "value": 3}]}
_PATH = {"rawType": "array", "arguments": [{"kind": "TYPE", "value": _TEXT}]}

COLUMNS = {
    "query_id": _TEXT,
    "state": _TEXT,
    "user": _TEXT,
    "source": _TEXT,
    "query": _TEXT,
    "resource_group_id": _PATH,
    "queued_time_ms": _NUMBER,
    "analysis_time_ms": _NUMBER,
    "planning_time_ms": _NUMBER,
    "created": _MOMENT,
    "started": _MOMENT,
    "last_heartbeat": _MOMENT,
    "end": _MOMENT,
    "error_type": _TEXT,
    "error_code": _TEXT,
}
"""Of ``system.runtime.queries`` in Trino 470, as its protocol tells them."""


class TrinoServer:
    """Knows some queries and tells them; what was asked is kept.

    Attributes
    ----------
    rows : list of dict
        By column; missing ones are null.
    asked : list of (str, dict)
        Statements, with the headers of their requests.
    error : dict or None
        Told in place of rows.
    """

    def __init__(self):
        self.rows, self.asked, self.error = [], [], None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                size = int(self.headers["Content-Length"])
                outer.asked.append((self.rfile.read(size).decode(), dict(self.headers)))
                self.tell({"nextUri": f"{outer.url}/v1/statement/executing/q/1"})

            def do_GET(self):
                if outer.error is not None:
                    self.tell({"error": outer.error})
                    return
                step = int(self.path.rpartition("/")[2])
                rows = [[row.get(name) for name in COLUMNS] for row in outer.rows]
                half = len(rows) // 2
                some = rows[:half] if step == 1 else rows[half:]
                columns = [
                    {"name": name, "type": kind["rawType"], "typeSignature": kind}
                    for name, kind in COLUMNS.items()
                ]
                next_uri = {"nextUri": f"{outer.url}/v1/statement/executing/q/2"} if step == 1 else {}
                self.tell({"columns": columns, "data": some, **next_uri})

            def do_DELETE(self):
                self.send_response(204)
                self.end_headers()

            def tell(self, answer):
                body = json.dumps(
                    {"id": "q", "infoUri": f"{outer.url}/ui/q", "stats": {"state": "RUNNING"}} | answer
                )
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_):
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def stop(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
