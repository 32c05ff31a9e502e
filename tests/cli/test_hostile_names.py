"""Names that would steer a terminal or forge a line, through every command that there is."""

import asyncio
import re

import numpy as np
import pytest
import structlog
import typer

from stream_app.cli.logs import configure_logging
from stream_app.cli.main import program
from stream_app.core.reference import ReferenceTable
from stream_app.events import (
    Alert,
    AlertState,
    AuditKind,
    AuditRecord,
    DeadLetter,
    LogId,
    Reason,
    RetrainingTrigger,
    Severity,
    Topics,
    TriggerReason,
    alert_id,
)
from stream_app.kafka import ensure_topics, start_producer
from stream_app.kafka.publishing import event_record, publish, publish_letters
from stream_app.settings import load_settings
from stream_app.store import (
    AlertWriter,
    FeatureRow,
    FeatureWriter,
    IncidentReader,
    ReferenceStore,
    Silence,
    SilenceStore,
    connect,
)

pytestmark = pytest.mark.integration

HOSTILE = "pump\x1b[2J\x9b31m\u202e\u2028\x7f\nforged"
SHOWN = r"pump\u001b[2J\u009b31m\u202e\u2028\u007f\nforged"
START = 1_700_000_000.0
ALERT = Alert(
    id=alert_id("pumps", HOSTILE, "drift.level", HOSTILE, LogId(), 1),
    stream="pumps",
    source=HOSTILE,
    kind="drift",
    detector="drift.level",
    channel=HOSTILE,
    state=AlertState.FIRING,
    severity=Severity.WARNING,
    started_at=START,
    partition=0,
    offset=1,
    statistic=21.3,
    threshold=20.1,
    summary=HOSTILE,
    contributions=((HOSTILE, 1.0),),
    context={"mean_before": 124.6},
)
TRIGGER = RetrainingTrigger.of(
    "models", HOSTILE, log=LogId(), offset=1, ts=START, version=HOSTILE,
    reasons=(TriggerReason(kind="psi", since=5.0, statistic=0.3, threshold=0.2, summary=HOSTILE),),
)  # fmt: skip
LETTER = DeadLetter(HOSTILE, 0, 1, HOSTILE.encode(), HOSTILE.encode(), 0, Reason.SCHEMA, HOSTILE)
REFERENCE = ReferenceTable(np.arange(40.0), (HOSTILE,), np.arange(40.0)[:, None])
ROW = FeatureRow(HOSTILE, 1, START, START, {f"{HOSTILE}.mean": 1.0, "events": 1.0})

CALLS = {
    "alerts tail": ("--no-follow",),
    "alerts list": (),
    "alerts precision": (),
    "alerts show": (ALERT.id,),
    "triggers tail": ("--no-follow", "-n", "10"),
    "audit list": (),
    "dead-letters list": (),
    "dead-letters show": ("0:0",),
    "dead-letters replay": ("--all", "--dry-run"),
    "features get": (HOSTILE,),
    "features list": (),
    "backtest": ("plant.csv",),
    "look": ("plant.csv",),
    "budget": ("--config", "monitor.toml"),
    "silence list": (),
    "reference show": ("sensors",),
    "reference set": ("sensors", "--version", REFERENCE.version),
    "fairness": ("loans.csv", "--group", "group", "--favourable", "yes"),
    "compare": ("loans.csv",),
    "slices": ("loans.csv",),
    "replay sensors": (HOSTILE,),
    "replay images": (HOSTILE,),
    "replay predictions": (HOSTILE,),
    "replay sessions": (HOSTILE,),
    "replay platform": (HOSTILE,),
    "config show": ("--config", "monitor.toml"),
    "check": ("--config", "monitor.toml"),
}
"""Calls that print a hostile name."""

OTHERS = {
    "tune",  # lists alerts as backtest does
    "init",  # prints the path it was given; what it writes is read by the settings
    *(f"alerts {word}" for word in ("ack", "mute", "false", "real")),  # the id alone, which it was given
    "features watch",  # endless; prints what features get prints
    "features history",  # these three print names of views and features, which are checked
    "features skew",
    "features versions",
    "detectors",  # installed packages
    *(
        f"models {word}" for word in ("list", "show", "promote", "rollback")
    ),  # tests/cli/test_models.py tries them
    "plan",  # numbers; a load that cannot be read is quoted as Python does
    "dashboard",  # prints its address; what a browser shows is tried there
    "retrain",  # needs a registry; names of labels and features are tried in tests/retraining
    "replay mqtt",  # quotes topics as Python does
    "worker",  # its log is tried below
    "demo",
    "compile",
    "functions",  # names of libraries
    "notify",  # its messages are tried in tests/routes
    *(f"routes {word}" for word in ("list", "test")),  # names of the monitor file
    *(f"silence {word}" for word in ("add", "remove")),  # the id alone
    "replay-control",
    "reference refresh",  # prints what reference set prints
}


def commands(command, path=()):
    """The options of each command, by its name."""
    if not hasattr(command, "commands"):
        yield " ".join(path), {option for each in command.params for option in each.opts}
        return
    for name, below in command.commands.items():
        yield from commands(below, (*path, name))


COMMANDS = dict(commands(typer.main.get_command(program())))


def test_every_command_is_tried():
    assert COMMANDS.keys() == CALLS.keys() | OTHERS


@pytest.fixture
def world(servers, place):
    """Files, a store and a broker that are full of hostile names."""
    settings = load_settings()
    topics = Topics(settings.prefix)

    async def work():
        store = await connect(settings.redis)
        await AlertWriter(store).write([ALERT])
        await IncidentReader(store).say(ALERT.case, AuditKind.REAL, by=HOSTILE, at=START, comment=HOSTILE)
        silence = Silence(source=(HOSTILE,), id="0" * 8, begins=0.0, ends=9e9, by=HOSTILE, comment=HOSTILE)
        await SilenceStore(store).add(silence)
        await ReferenceStore(store).put(
            "sensors", REFERENCE, by=HOSTILE, at=START, why=HOSTILE, origin=HOSTILE
        )
        await FeatureWriter(store, "sensors").write([ROW])
        await store.close()
        await ensure_topics(
            settings.kafka, {topics.triggers: 1, topics.audit: 1, topics.dead_letters: 1}, create=True
        )
        producer = await start_producer(settings.kafka)
        events = [(topics.triggers, TRIGGER), (topics.audit, AuditRecord.triggered(TRIGGER))]
        await publish(producer, [event_record(*event) for event in events], what="events")
        await publish_letters(producer, topics.dead_letters, [LETTER])
        await producer.stop()

    asyncio.run(work())
    rows = "".join(f'{1_700_000_000 + i},"{HOSTILE}",{i % 7 + 500 * (i > 1500)}\n' for i in range(2000))
    (place / "plant.csv").write_text("ts,source,flow\n" + rows)
    quoted = f'"{HOSTILE}"'
    rows = "".join(
        f"{1_700_000_000 + i},{quoted if i % 2 else 'b'},{quoted if i % 2 else 'v'},{said},yes\n"
        for i, said in ((i, "no" if i % 2 and i % 3 else "yes") for i in range(2000))
    )
    (place / "loans.csv").write_text("ts,group,version,prediction,label\n" + rows)
    name = HOSTILE.encode("unicode_escape").decode().replace("\\x1b", "\\u001b").replace("\\x9b", "\\u009b")
    (place / "monitor.toml").write_text(
        f'[streams."{name.replace(chr(92) + "x7f", "")}"]\nkind = "sensors"\n'
    )


@pytest.mark.parametrize("how", ["plain", "json", "terminal"])
def test_a_command_prints_printable_lines(call, world, monkeypatch, how):
    if how == "terminal":
        monkeypatch.setenv("FORCE_COLOR", "1")
    shown = {}
    for command, arguments in CALLS.items():
        if how == "json" and "--json" not in COMMANDS[command]:
            continue
        ended = call(*command.split(), *arguments, *(["--json"] if how == "json" else []))
        printed = ended.out + ended.err
        if how == "terminal":
            printed = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", printed)
        lines = printed.split("\n")
        assert [line for line in lines if not line.isprintable() or line.startswith("forged")] == [], command
        shown[command] = "pump" in printed
    # A call that prints no name shows nothing.
    assert [command for command, found in shown.items() if not found] == []


def test_the_log_of_a_worker_on_a_terminal_is_printable(capsys):
    configure_logging(json=False)
    log = structlog.get_logger("stream_app.test")
    log.warning(HOSTILE, source=HOSTILE, names=[HOSTILE], **{HOSTILE: 1})
    log.error("failed", exc_info=ValueError(HOSTILE))
    printed = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().err)
    assert [line for line in printed.split("\n") if not line.isprintable()] == []
    assert SHOWN in printed
