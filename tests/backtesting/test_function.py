"""A backtest from Python: frames in, frames of the same library out, one clear error for what cannot be used."""

from datetime import UTC, datetime, timedelta
from html import escape
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest

import stream_app as sg
from stream_app.errors import DataError, SettingsError, SourceError

N = 1200
TRUTH = (np.arange(N) >= 900) & (np.arange(N) < 1000)
BEGIN = datetime(2024, 3, 9, 10, tzinfo=UTC)


def plant(seed=7):
    """Columns of a pump whose flow falls from row 900 to row 1000."""
    rng = np.random.default_rng(seed)
    flow, level = rng.normal(32.0, 0.4, N), rng.normal(5.0, 0.1, N)
    flow[TRUTH] -= 3.0
    return {
        "ts": [BEGIN + timedelta(seconds=i) for i in range(N)],
        "flow": flow.tolist(),
        "level": level.tolist(),
        "anomaly": TRUTH.astype(int).tolist(),
    }


def as_polars(columns):
    return pl.DataFrame(columns)


def as_pandas(columns):
    return pytest.importorskip("pandas").DataFrame(columns)


def as_pyarrow(columns):
    return pytest.importorskip("pyarrow").table(columns)


libraries = pytest.mark.parametrize("make", [as_polars, as_pandas, as_pyarrow])


def values(frame, name):
    column = frame[name]
    return column.to_pylist() if hasattr(column, "to_pylist") else column.tolist() if hasattr(column, "tolist") else column.to_list()  # fmt: skip


@libraries
def test_results_are_frames_of_the_kind_that_came_in(make):
    frame = make(plant())
    result = sg.backtest(frame, time="ts", label="anomaly", budget="1 per day")
    assert type(result.alerts) is type(result.scores) is type(frame)
    row = values(result.alerts, "row")[0]
    assert 900 <= row < 920
    assert values(result.alerts, "kind")[0] == "anomaly"
    assert values(result.alerts, "channel")[0] == "flow"
    assert values(result.alerts, "quantity")[0] == "mean"
    assert values(result.alerts, "before")[0] == pytest.approx(32.0, abs=0.2)
    assert values(result.alerts, "after")[0] < values(result.alerts, "before")[0]
    assert values(result.alerts, "started_at")[0] == values(frame, "ts")[row]
    assert values(result.alerts, "started_at")[0] < values(result.alerts, "ended_at")[0]
    assert values(result.scores, "ts") == values(frame, "ts")
    marked = np.array(values(result.scores, "anomaly"), dtype=bool)
    assert marked[905:1000].mean() > 0.5
    assert not marked[:900].any()
    assert result.figures["f1"] > 0.5
    assert result.figures["delay"]["missed"] == 0


def test_scores_of_pandas_keep_the_index():
    frame = as_pandas(plant()).set_axis(range(100, 100 + N))
    assert list(sg.backtest(frame, time="ts").scores.index) == list(frame.index)


def test_a_frame_and_a_file_of_the_same_rows_give_the_same(tmp_path):
    frame = as_polars(plant())
    frame.write_parquet(tmp_path / "pump.parquet")
    from_frame, from_file = sg.backtest(frame), sg.backtest(tmp_path / "pump.parquet")
    assert from_file.figures == from_frame.figures
    assert from_file.alerts["started_at"] == from_frame.alerts["started_at"].to_list()
    assert from_file.scores["score"] == from_frame.scores["score"].to_list()
    assert from_file.alerts["source"] == ["pump"] * len(from_frame.alerts)


@libraries
def test_rows_are_sorted_by_time_when_asked(make, tmp_path):
    columns = plant()
    turned = {name: cells[::-1] for name, cells in columns.items()}
    with pytest.raises(DataError, match="sort=True sorts them"):
        sg.backtest(make(turned), time="ts")
    expected = sg.backtest(make(columns), time="ts")
    result = sg.backtest(make(turned), time="ts", sort=True)
    for name in ("ts", "score", "anomaly"):
        assert values(result.scores, name) == values(expected.scores, name)
    assert values(result.alerts, "row") == values(expected.alerts, "row")
    pl.DataFrame(turned).write_csv(tmp_path / "plant.csv")
    assert sg.backtest(tmp_path / "plant.csv", sort=True).scores["score"] == list(
        values(expected.scores, "score")
    )


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
def test_times_of_alerts_are_in_the_zone_of_the_frame(zone):
    # Without a zone UTC is meant.
    columns = plant()
    here = ZoneInfo(zone or "UTC")
    columns["ts"] = [ts.astimezone(here).replace(tzinfo=here if zone else None) for ts in columns["ts"]]
    frame = as_polars(columns)
    result = sg.backtest(frame, time="ts")
    assert result.alerts.schema["started_at"] == frame.schema["ts"]
    assert result.alerts["started_at"].to_list() == [frame["ts"][row] for row in result.alerts["row"]]


@pytest.mark.parametrize("unit", [1.0, 1e3, 1e9], ids=["s", "ms", "ns"])
def test_epoch_numbers_are_times_too(unit):
    columns = plant()
    said = sg.backtest(as_polars(columns)).alerts
    columns["ts"] = [int(ts.timestamp() * unit) for ts in columns["ts"]]
    assert sg.backtest(as_polars(columns)).alerts.equals(said)


def test_a_column_names_the_sources():
    one, other = as_polars(plant(1)), as_polars(plant(2))
    both = pl.concat([one.with_columns(pump=pl.lit("a")), other.with_columns(pump=pl.lit("b"))])
    both = both.with_row_index().sort("ts", "pump")
    # Two that share twice as much.
    result = sg.backtest(both.drop("index"), time="ts", source="pump", budget="2 per day")
    alone = sg.backtest(one, time="ts", name="a", budget="1 per day")
    assert result.scores.filter(pl.col("pump") == "a").drop("pump").equals(alone.scores)
    assert list(result.figures_by_source) == ["a", "b"]
    # The budget is that of all sources.
    assert result.figures_by_source["a"] == alone.figures | {"budget": None, "allowed": None}


def test_truth_stays_away_from_the_monitor():
    columns = plant()
    bare = sg.backtest(as_polars({name: columns[name] for name in ("ts", "flow", "level")}), time="ts")
    renamed = columns | {"broken": columns["anomaly"]}
    del renamed["anomaly"]
    told = sg.backtest(as_polars(renamed), time="ts", label="broken")
    assert told.scores.equals(bare.scores)
    assert bare.figures["f1"] is None
    assert told.figures["f1"] is not None


def test_a_reference_teaches_before_the_first_row():
    columns = plant()
    healthy = {name: cells[:800] for name, cells in columns.items()}
    faulty = {name: cells[850:] for name, cells in columns.items()}
    with pytest.raises(DataError, match=r"350 rows; warmup=175 fits"):
        sg.backtest(as_polars(faulty))
    assert sg.backtest(as_polars(faulty), reference=as_polars(healthy)).scores["anomaly"].any()


def test_settings_of_a_stream_hold_and_the_call_wins():
    stream = sg.SensorStream(channels=["level"], budget="1 per week", warmup=300)
    result = sg.backtest(as_polars(plant()), stream=stream)
    assert (result.figures["scored"], len(result.alerts)) == (N - 300, 0)
    assert sg.backtest(as_polars(plant()), stream=stream, warmup=500).figures["scored"] == N - 500
    assert "anomaly" in sg.backtest(as_polars(plant()), stream=stream, channels=["flow"]).alerts["kind"]


def test_images_are_judged_as_draws():
    frame = as_polars(plant())
    assert not sg.backtest(frame, stream=sg.ImageStream()).scores["anomaly"].any()


def test_a_frame_without_alerts_gives_an_empty_frame_of_the_same_columns():
    some, none = sg.backtest(as_polars(plant())), sg.backtest(as_polars(plant()).head(500))
    assert len(none.alerts) == 0
    assert none.alerts.schema == some.alerts.schema


def test_rows_that_are_no_news_are_refused_and_told():
    frame = as_polars(plant())
    result = sg.backtest(pl.concat([frame, frame.head(3), frame.tail(1)]), time="ts")
    assert result.figures["refused"] == {"duplicate": 1, "late": 3}
    assert "refused: 4" in repr(result)
    assert result.refused["late"].startswith("the frame, row 1200: ")


def test_a_result_says_and_draws_what_it_is():
    result = sg.backtest(as_polars(plant()), time="ts", label="anomaly")
    assert repr(result).startswith("<BacktestResult: 1 source; 1,200 events; alerts: ")
    page = result._repr_html_()
    assert f"<td>{escape(result.alerts['summary'][0])}</td>" in page
    assert page.count("data:image/png;base64,") == 1
    figure = result.plot()
    assert [axis.get_ylabel() for axis in figure.axes[1:]] == ["flow", "level", "score"]
    assert figure._repr_png_().startswith(b"\x89PNG")
    with pytest.raises(DataError, match="no source is called 'pump'; those that can be drawn are frame"):
        result.plot("pump")


@pytest.mark.parametrize(
    ("options", "kind", "says"),
    [
        ({"time": "when"}, SourceError, "time=: no column 'when'; the table has 'ts', 'flow'"),
        ({"source": "pump"}, SourceError, "source=: no column 'pump'; a frame of one source needs none"),
        ({"label": "broken"}, SourceError, "label=: no column 'broken'"),
        ({"changepoint": "moved"}, SourceError, "changepoint=: no column 'moved'"),
        ({"channels": ["flow", "speed"]}, SourceError, "channels=: no column 'speed'"),
        ({"time": "ts", "period": 1.0}, SourceError, "time= and period= exclude each other"),
        ({"period": 0.0}, SourceError, "period= 0: expected more than 0 seconds"),
        ({"budget": "often"}, SettingsError, "budget 'often' cannot be read"),
        ({"warmup": 3}, SettingsError, "warmup=: "),
        ({"time": "level"}, SourceError, "column 'level': '?' is no moment"),
    ],
)
def test_a_call_that_makes_no_sense_is_told_in_its_own_words(options, kind, says):
    columns = plant() | {"level": ["?"] * N}
    with pytest.raises(kind) as refused:
        sg.backtest(as_polars(columns), **options)
    assert says in str(refused.value)
    assert "--" not in str(refused.value)


@libraries
def test_a_frame_without_rows_or_with_holes_in_its_times_is_refused(make):
    columns = plant()
    with pytest.raises(SourceError, match="the frame: no rows"):
        sg.backtest(make(columns)[:0])
    columns["ts"][3] = None
    with pytest.raises(SourceError, match="the frame, row 3: column 'ts'"):
        sg.backtest(make(columns), time="ts")


@pytest.mark.parametrize("row", [0, 700])
def test_numbers_and_texts_in_one_column_are_refused(row):
    columns = plant()
    columns["flow"][row] = "broken"
    frame = pl.DataFrame(columns, schema_overrides={"flow": pl.Object})
    with pytest.raises(SourceError, match=rf"row {row}: column 'flow'.*'broken'"):
        sg.backtest(frame, time="ts")
    assert sg.backtest(frame, time="ts", channels=["level"]).figures["events"] == N


@pytest.mark.parametrize("row", [0, 700])
def test_numbers_and_texts_in_one_column_of_pandas_are_refused(row):
    columns = plant()
    columns["flow"][row] = "broken"
    with pytest.raises(SourceError, match=rf"row {row}: column 'flow'.*'broken'"):
        sg.backtest(as_pandas(columns), time="ts")


def test_texts_and_numbers_as_times_are_refused():
    columns = plant()
    columns["ts"] = [ts.isoformat() for ts in columns["ts"]]
    columns["ts"][2] = 7
    frame = pl.DataFrame(columns, schema_overrides={"ts": pl.Object})
    with pytest.raises(SourceError, match=r"row 0: column 'ts' has numbers and '2024-03-09T10:00:00\+00:00'"):
        sg.backtest(frame, time="ts", channels=["flow"])


def test_an_index_as_time_is_refused_with_what_to_do():
    frame = as_pandas(plant()).set_index("ts")
    for options in ({"time": "ts"}, {}):
        with pytest.raises(SourceError, match=r"the time is the index; .*reset_index\(\)"):
            sg.backtest(frame, **options)


def test_columns_with_one_name_or_a_number_for_a_name_are_refused():
    frame = as_pandas(plant())
    with pytest.raises(SourceError, match="'flow' 2 times; rename"):
        sg.backtest(frame[["ts", "flow", "flow"]])
    with pytest.raises(SourceError, match="column 3 is not named by a text"):
        sg.backtest(frame.rename(columns={"flow": 3}))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (None, "NoneType is no table; expected a frame of pandas or polars"),
        ([], "list is no table"),
        ([1, 2], "1 is no path"),
        (pl.DataFrame({"ts": [1]}).lazy(), "the frame is lazy; collect it first"),
        ("missing.csv", "missing.csv: no such file"),
    ],
)
def test_what_is_no_table_is_refused(data, says):
    with pytest.raises(sg.StreamgaugeError, match=says):
        sg.backtest(data)
