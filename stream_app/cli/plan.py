"""``streamgauge plan``: what a load takes of workers, Redis and Kafka."""

from dataclasses import asdict
from typing import Annotated

import typer

from stream_app.cli.options import JsonOption
from stream_app.cli.show import print_columns, print_notes

__all__ = ["EXAMPLES", "plan"]

EXAMPLES = """Examples:

streamgauge plan sensors:sources=10000,channels=8,rate=5000

streamgauge plan sensors:sources=500,channels=4,rate=500 sessions:sources=1000000,fields=2,kept=30,rate=2000 --json
"""


def plan(
    loads: Annotated[
        list[str],
        typer.Argument(
            metavar="LOAD...",
            help="A stream each: KIND:name=value,... with sources and rate; channels of sensors; fields and kept of sessions; bytes, retention, replicas.",
            show_default=False,
        ),
    ],
    *,
    json: JsonOption = False,
) -> None:
    """Plan partitions, workers, memory of Redis and throughput of Kafka for a load.

    Costs are straight lines that a benchmark measured on one machine, which is named; margins are written below the plan. Rate is events
    a second of all sources together, kept the events that a view keeps of an entity.
    """
    import msgspec  # noqa: PLC0415 - help need not wait for it

    from stream_app.planning import measured_slopes, parse_load, plan_deployment  # noqa: PLC0415 - as above
    from stream_app.planning.plan import (  # noqa: PLC0415 - as above
        PARTITIONS_A_WORKER,
        REDIS_MARGIN,
        SOURCES_A_PARTITION,
        WORKER_SHARE,
    )

    slopes = measured_slopes()
    found = plan_deployment([parse_load(text) for text in loads], slopes)
    basis = {"machine": slopes.machine, "date": slopes.date, "load": slopes.load}
    margins = {
        "worker_share": WORKER_SHARE,
        "partitions_a_worker": PARTITIONS_A_WORKER,
        "sources_a_partition": SOURCES_A_PARTITION,
        "redis": REDIS_MARGIN,
    }
    if json:
        typer.echo(msgspec.json.encode({**asdict(found), "margins": margins, "measured": basis}).decode())
        return
    rows = [
        ("stream", "sources", "events/s", "partitions", "workers", "Redis memory", "Redis core", "Kafka in", "on disk"),
        *(
            (
                one.kind, f"{one.sources:,}", f"{one.rate:,.0f}", str(one.partitions), str(one.workers), _size(one.redis_bytes),
                f"{one.redis_cores:.0%}", f"{_size(one.kafka_in)}/s", _size(one.kafka_disk),
            )
            for one in found.streams
        ),
        (
            "all", "", "", str(sum(one.partitions for one in found.streams)), str(found.workers), _size(found.redis_bytes),
            f"{found.redis_cores:.0%}", f"{_size(found.kafka_in)}/s", _size(found.kafka_disk),
        ),
    ]  # fmt: skip
    print_columns(rows)
    typer.echo(
        f"\nGive Redis maxmemory {_size(found.maxmemory)}. Workers of all streams may share processes: {found.workers} in all.\n"
        f"Margins: a worker busy for {WORKER_SHARE:.0%} of its core; {PARTITIONS_A_WORKER} partitions a worker, and one for each "
        f"{SOURCES_A_PARTITION:,} sources; maxmemory {REDIS_MARGIN - 1:.0%} above use. On disk: what Kafka keeps for `retention` "
        "(7 days) in `replicas` (3).\n"
        f"Measured on {slopes.machine}, {slopes.date}, with {slopes.load:.1f} processes running on average."
    )
    if found.redis_cores > WORKER_SHARE:
        print_notes(
            [
                f"Redis runs commands on one core, of which this takes {found.redis_cores:.0%}: divide the streams among several."
            ]
        )


def _size(count: float) -> str:
    """Write bytes in decimal units.

    Examples
    --------
    >>> _size(999), _size(56_000), _size(3.2e9)
    ('999 B', '56 KB', '3.2 GB')
    """
    for unit in ("B", "KB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.3g} {unit}"
        count /= 1000.0
    return f"{count:,.3g} TB"
