"""The demo's alerts: each in the table, with its cause."""

from io import StringIO

from rich.console import Console

from producers.water_loop import Fault
from stream_app.cli.demo.judging import FALSE, UNKNOWN, Part, cause_in, judge
from stream_app.cli.demo.screen import alerts_table, replays_table
from stream_app.events import Alert, AlertState, Severity
from stream_app.monitors.incidents import IncidentTracker

START = 1_700_000_000.0
FAULT = Fault("cavitation", start=1000.0, duration=100.0)


def alert(at, source="pump-1"):
    return Alert(
        id=f"{source}{at}", stream="s", source=source, kind="anomaly", detector="anomaly", channel="flow",
        state=AlertState.FIRING, severity=Severity.WARNING, started_at=START + at, partition=0, offset=0,
        statistic=1.0, threshold=0.5, summary=f"told [at] {at}",
    )  # fmt: skip


ALERTS = [
    alert(1010),
    alert(1500),
    alert(1010).ended(START + 1100.0),
    alert(3000),
    alert(50, "real"),
    alert(70, "other"),
]
PARTS = [
    Part("one fault", 9000, ("pump-1",), cause_in((FAULT,), START)),
    Part("real data", 70, ("real", "more"), lambda _: UNKNOWN),
    Part("healthy", 5, ("other",), cause_in((), START)),
]


def printed(table):
    out = StringIO()
    Console(file=out, width=150).print(table)
    return [" ".join(line.split()) for line in out.getvalue().splitlines()]


def test_every_alert_stands_below_its_part_with_its_cause():
    lines = printed(alerts_table(PARTS, ALERTS))
    assert lines[2:] == [
        "one fault",
        "2023-11-14 22:30:10 1 min 30 s warning cavitation told [at] 1010",
        "2023-11-14 22:38:20 - warning after cavitation told [at] 1500",
        "2023-11-14 23:03:20 - warning false alarm told [at] 3000",
        "real data",
        "2023-11-14 22:14:10 - warning unknown told [at] 50",
        "healthy",
        "2023-11-14 22:14:30 - warning false alarm told [at] 70",
    ]


def test_alerts_of_one_incident_stand_below_it():
    incidents = IncidentTracker(gap=300.0)
    told = [incidents.take(one) for one in (alert(1010), alert(1030), alert(1010).ended(START + 1100.0))]
    assert printed(alerts_table(PARTS, told))[3:] == [
        "2023-11-14 22:30:10 - warning cavitation 2 alerts:",
        "2023-11-14 22:30:10 1 min 30 s warning cavitation told [at] 1010",
        "2023-11-14 22:30:30 - warning cavitation told [at] 1030",
    ]


def test_the_counts_add_up_to_the_list():
    assert printed(replays_table(PARTS, ALERTS))[2:] == [
        "one fault 9,000 3 3 1",
        "real data 70 1 1 unknown",
        "healthy 5 1 1 1",
    ]


def test_a_fault_is_found_by_the_first_alert_in_it():
    (verdict,) = judge(ALERTS, [FAULT], source="pump-1", start=START)
    assert (verdict.alert, verdict.after) == (ALERTS[0], 10.0)
    assert judge(ALERTS[1:], [FAULT], source="pump-1", start=START)[0].alert is None
    assert cause_in([FAULT], START)(ALERTS[3]) == FALSE
