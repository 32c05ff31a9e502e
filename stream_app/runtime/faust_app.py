"""The Faust app of a worker: its limits and credentials, without tables, topics or web server of its own."""

from typing import Any

import faust
from faust.tables import TableManager

from stream_app.settings import KafkaSettings, Settings

__all__ = ["REQUEST_SECONDS", "faust_credentials", "make_app"]

REQUEST_SECONDS = 20.0
"""How long a request to Kafka may take; a connection that was cut off is noticed after that."""


_METADATA_SECONDS = 20
"""How old what is known of a topic may be; partitions that were added are noticed after that."""


class NoTables(TableManager):
    """Starts at once; Faust's own sleeps for a second, in case tables are declared after the start."""

    async def on_start(self) -> None:
        """Start what the consumer waits for."""
        await self._update_channels()
        await self.recovery.start()


def make_app(settings: Settings, datadir: str) -> faust.App:
    """Make the app of a worker; it has no agents yet.

    Parameters
    ----------
    settings : Settings
        Servers, group and timeouts.
    datadir : str
        An empty directory, which Faust wants.
    """
    worker = settings.worker
    # Faust's own web server serves tables to anybody: off. Its broker URL never holds a password.
    return faust.App(
        worker.group,
        broker=";".join(f"kafka://{server}" for server in settings.kafka.servers),
        broker_credentials=faust_credentials(settings.kafka),
        broker_max_poll_records=worker.max_batch,
        broker_commit_interval=max(1.0, worker.checkpoint_interval),
        broker_session_timeout=worker.session_timeout,
        broker_heartbeat_interval=worker.session_timeout / 3,
        broker_rebalance_timeout=worker.session_timeout,
        broker_request_timeout=max(REQUEST_SECONDS, worker.session_timeout + 5.0),
        broker_max_poll_interval=worker.max_poll_interval,
        consumer_group_instance_id=worker.instance,
        consumer_max_fetch_size=8_388_608,
        consumer_metadata_max_age_ms=_METADATA_SECONDS * 1000,
        stream_buffer_maxsize=2,
        stream_wait_empty=True,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        TableManager=NoTables,
        datadir=datadir,
        store="memory://",
    )


def faust_credentials(settings: KafkaSettings) -> Any:
    """Return what lets a client in as Faust's broker credentials; None where none are needed."""
    context = settings.tls()
    if settings.security.startswith("SASL"):
        return faust.SASLCredentials(
            username=settings.username,
            password=settings.login_password,
            mechanism=settings.sasl_mechanism,
            ssl_context=context,
        )
    return None if context is None else faust.SSLCredentials(context)
