"""Settings of the worker."""

import ipaddress
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr, model_validator

from stream_app.settings.durations import Duration
from stream_app.settings.secrets import one_secret

__all__ = ["WorkerSettings"]

_SHORTEST_TOKEN = 16


class WorkerSettings(BaseModel):
    """Settings of a worker.

    Parameters
    ----------
    group : str
        Consumer group; workers of one group share the partitions. By default the `prefix`, or ``streamgauge`` without one. Another
        group reads all events again, for the same alerts and features.
    instance : str, optional
        A lasting name of this worker, unique in its group: after a crash its partitions come back at once.
    max_batch : int
        Most events of one delivery, over all partitions.
    checkpoint_interval : duration
        Time between two checkpoints.
    create_topics : bool
        Create missing topics, input topics with `partitions` partitions.
    session_timeout : duration
        A worker not heard of for so long loses its partitions.
    max_poll_interval : duration
        A worker whose loop stands still for so long leaves the group.
    max_state_bytes : int, optional
        Memory that the states of all sources may take, in bytes; by default 64 MiB, or what the `expected_sources` of all streams
        need where that is more. Sources beyond it wait in Redis until they come again, those first
        that have been unseen for longest. A checkpoint may need as much again for a moment.
    on_old_state : str
        ``stop`` or ``cold``: what becomes of a state that an older version wrote. A source that starts cold learns anew.
    max_bad_ratio, max_bad_run
        The worker stops when more than this share of the last 10,000 events, or this many in a row, are dead letters.
    metrics_port : int
        Port of ``/metrics``, ``/healthz``, ``/readyz`` and ``/livez``; 0 is off.
    http_host : str
        Where that port is open. Anything but the loopback interface needs a token.
    http_token, http_token_file
        What a reader has to show as ``Authorization: Bearer …``; as a value or in a file.
    http_allow_anonymous : bool
        Open the port beyond the loopback interface without a token.
    """

    # The input of an error may hold a token.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    group: Annotated[str, Field(max_length=200, pattern=r"^[A-Za-z0-9._-]*$")] = ""
    instance: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    max_batch: Annotated[int, Field(ge=1, le=1_000_000)] = 100_000
    checkpoint_interval: Duration = 2.0
    create_topics: bool = True
    partitions: Annotated[int, Field(ge=1, le=10_000)] = 4
    session_timeout: Duration = 30.0
    max_poll_interval: Duration = 300.0
    max_state_bytes: Annotated[int, Field(ge=1)] | None = None
    on_old_state: Literal["stop", "cold"] = "stop"
    max_bad_ratio: Annotated[float, Field(gt=0, le=1)] = 0.5
    max_bad_run: Annotated[int, Field(ge=1)] = 10_000
    metrics_port: Annotated[int, Field(ge=0, le=65_535)] = 0
    http_host: Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9.:_-]+$")] = (
        "127.0.0.1"
    )
    http_token: SecretStr | None = None
    http_token_file: Annotated[str, Field(min_length=1, max_length=4096)] | None = None
    http_allow_anonymous: bool = False

    _token: SecretStr | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _guarded(self) -> Self:
        self._token = one_secret("http_token", self.http_token, self.http_token_file)
        token = self.token
        if token is not None and (len(token) < _SHORTEST_TOKEN or not token.isascii() or " " in token):
            raise ValueError(
                f"http_token needs {_SHORTEST_TOKEN} characters or more, ASCII without blanks; "
                "`openssl rand -hex 32` makes one"
            )
        if self.metrics_port and self.http_exposed and token is None and not self.http_allow_anonymous:
            raise ValueError(
                f"http_host {self.http_host} can be reached by others: set http_token or http_token_file, "
                "or http_allow_anonymous = true"
            )
        return self

    @property
    def token(self) -> str | None:
        """The token of the HTTP port, from wherever it is set; never log it."""
        return None if self._token is None else self._token.get_secret_value()

    @property
    def http_exposed(self) -> bool:
        """Whether the HTTP port is open beyond the loopback interface."""
        if self.http_host == "localhost":
            return False
        try:
            return not ipaddress.ip_address(self.http_host).is_loopback
        except ValueError:
            return True
