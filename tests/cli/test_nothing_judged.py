"""Files in which nothing or nearly nothing can be judged: no command over files ends as if all were well."""

from pathlib import Path

import pytest

FILES = Path(__file__).resolve().parents[1] / "files"

READINGS = {
    "no-rows": "no rows",
    "newest-first": "106 of 120 rows were refused; the rows are not in order of time: --sort sorts them",
    "one-row-again": "59 of 60 rows were refused; several rows have the same source and time",
    "fewer-than-the-warm-up": "there are 50 rows",
    "no-readings": "no row of 'no-readings' has a reading in any channel",
    "a-year-apart": "comes back after more than source_ttl",
}
ANSWERS = {"no-rows": "no rows", "no-truth": "truth", "no-answers": "prediction"}
# Groups, versions and baselines are short here: what is missing must not be their length.
OVER_ANSWERS = (
    ("backtest", "--kind", "predictions"),
    ("compare", "--version-column", "group"),
    ("fairness", "--group", "group", "--favourable", "a", "--minimum", "5"),
    ("slices",),
)


@pytest.mark.parametrize("command", [("backtest",), ("backtest", "--json"), ("tune",)], ids=" ".join)
def test_readings_that_nobody_judged_are_no_all_clear(call, command):
    for name, told in READINGS.items():
        # As many rows as the shortest warm-up of the stream takes.
        ended = call(*command, FILES / f"{name}.csv", "--warmup", "50")
        assert ended.failed(told), name


def test_images_that_nobody_judged_are_no_all_clear(call):
    for name in READINGS:
        assert call("backtest", FILES / f"{name}.csv", "--kind", "images").failed(), name


@pytest.mark.integration
@pytest.mark.parametrize("kind", ["sensors", "predictions", "sessions"])
def test_a_replay_of_nothing_is_no_replay(call, servers, kind):
    ended = call("replay", kind, FILES / "no-rows.csv")
    # A topic that had to be made is a line before.
    failure = ended.err.splitlines()[-1]
    assert (ended.code, failure[:13], failure[-7:]) == (1, "streamgauge: ", "no rows")


def test_training_rows_without_any_event_are_none(call, place):
    (place / "streamgauge.toml").write_text(
        '[streams.sessions]\nkind = "sessions"\n[[streams.sessions.views]]\nname = "sales"\n'
        '[streams.sessions.views.features]\nlines = { count = "*", window = "30m" }\n'
    )
    (place / "events.csv").write_text("entity,ts,amount\na,2024-05-06T07:00:00Z,3\n")
    (place / "instants.csv").write_text("entity,at\nb,2024-05-06T08:00:00Z\n")
    asked = ("--events", "events.csv", "--instants", "instants.csv", "--out", "rows.csv")
    ended = call("features", "history", "sales", *asked)
    assert ended.code == 1
    assert "no event of these entities comes before its instant" in ended.err


@pytest.mark.parametrize("command", OVER_ANSWERS, ids=lambda words: words[0])
def test_answers_that_nobody_judged_are_no_all_clear(call, command):
    for name, told in ANSWERS.items():
        if (command[0], name) == ("fairness", "no-truth"):
            continue  # rates of selection need no truth
        ended = call(command[0], FILES / f"{name}.csv", *command[1:])
        assert ended.failed(told), name
