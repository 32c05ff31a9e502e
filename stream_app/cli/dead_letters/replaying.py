"""``streamgauge dead-letters replay``."""

import json as json_module
import time
from collections import Counter
from collections.abc import Iterable
from typing import Annotated

import typer

from stream_app.cli.dead_letters.choice import (
    ReasonFilter,
    TopicFilter,
    chosen,
    letters_topic,
    place_of,
    warn,
)
from stream_app.cli.loop import run
from stream_app.cli.options import ConfigOption, JsonOption, KafkaOption, SinceFilter, beginning, settings_of
from stream_app.cli.printable import printable
from stream_app.cli.show import console
from stream_app.cli.who import ByOption, name_of
from stream_app.dead_letters import Replay, ReplayPlan, Row, plan_replay, scan
from stream_app.errors import StreamgaugeError
from stream_app.kafka import reading

__all__ = ["EXAMPLES", "replay"]

_EXIT_LEFT = 1

EXAMPLES = """
Examples:

streamgauge dead-letters replay 0:17 0:18

streamgauge dead-letters replay --reason channels --since 2026-01-31T10:00:00Z --dry-run

streamgauge dead-letters replay --all --to readings.retry --yes
"""


def replay(
    ids: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ID...]", help="Ids of letters; or select by --reason, --topic, --since or --all."
        ),
    ] = None,
    config: ConfigOption = None,
    kafka: KafkaOption = None,
    reason: ReasonFilter = None,
    topic: TopicFilter = None,
    since: SinceFilter = None,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="TOPIC", help="Topic to send to; by default the one each came from.", show_default=False
        ),
    ] = None,
    *,
    all_: Annotated[bool, typer.Option("--all", "-a", help="All letters.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Send letters again that were sent before.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be sent, and send nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Send without asking.")] = False,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Send dead letters back to the topics they came from, after the cause is fixed.

    Key, value, time and headers are the event's own; one more header names the letter.

    What was sent is noted in the letters' topic: nobody sends it to the same topic again without --again.
    """
    narrowed = reason is not None or topic is not None or since is not None
    if bool(ids) + narrowed + all_ != 1:
        raise typer.BadParameter("say which: ids, or --reason, --topic, --since, or --all")
    settings, begin, places = (
        settings_of(config, kafka=kafka),
        beginning(since),
        [place_of(i) for i in ids or ()],
    )
    letters = letters_topic(settings)
    if to == letters:
        raise typer.BadParameter("that is where the dead letters are", param_hint="--to")

    async def work() -> tuple[Counter[str], ReplayPlan]:
        async with reading(settings.kafka) as reader:
            book = await scan(reader, letters)
            warn(book)
            if places:
                rows = list({row.place: row for row in map(book.at, places)}.values())
            else:
                rows = chosen(book, reason, topic, begin)
            plan = plan_replay(rows, to=to, again=again, now=time.time())
            counted = Counter(to or row.origin.topic for row in plan.ready)
            if dry_run or not plan.ready:
                return counted, plan
            if not yes:
                _ask(counted)
            async with Replay.connected(reader, letters, book, to=to, again=again, by=name_of(by)) as sending:
                return await sending.send(rows)

    counted, rest = run(work())
    _report(counted, rest, dry_run=dry_run, as_json=json)
    if rest.busy or rest.cut:
        raise typer.Exit(_EXIT_LEFT)


def _ask(counted: Counter[str]) -> None:
    try:
        agreed = typer.confirm(f"Send {_told(counted)}?", err=True)
    except typer.Abort:
        agreed = False
    if not agreed:
        raise StreamgaugeError("nothing was sent; --yes sends without asking")


def _told(counted: Counter[str]) -> str:
    count = counted.total()
    where = ", ".join(f"{number:,} to {printable(topic)}" for topic, number in sorted(counted.items()))
    return f"{count:,} dead letter{'' if count == 1 else 's'}{f' ({where})' if where else ''}"


def _report(counted: Counter[str], rest: ReplayPlan, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        left = {"sent_before": rest.sent, "busy": rest.busy, "cut": rest.cut}
        told = {name: [str(row.place) for row in rows] for name, rows in left.items()}
        typer.echo(json_module.dumps({"dry_run": dry_run, "sent": dict(counted)} | told))
        return
    console.print(f"{'would send' if dry_run else 'sent'} {_told(counted)}", markup=False, soft_wrap=True)
    _left(rest.sent, "sent before; --again sends them again")
    _left(
        rest.busy,
        "in the hands of another replay, or of one that ended less than a minute ago; try again then",
    )
    _left(rest.cut, "the beginning of a larger event only; take the event from where it came")


def _left(rows: Iterable[Row], why: str) -> None:
    places = [str(row.place) for row in rows]
    if places:
        shown = ", ".join(places[:5]) + (", …" if len(places) > 5 else "")
        console.print(f"not sent: {len(places):,} ({shown}): {why}", markup=False, soft_wrap=True)
