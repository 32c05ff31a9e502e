import re

import numpy as np

from stream_app.backtesting import Backtest, InputRows, Report, SourcePart
from stream_app.backtesting.plot import draw_source
from stream_app.backtesting.trace import Trace
from stream_app.monitors.sensors import EventScores
from stream_app.settings import SensorStream

PNG = b"\x89PNG"


def part(begin, n, channels=("flow",), values=None):
    scores = EventScores.quiet(n)
    scores.score[:] = np.arange(begin, begin + n)
    values = np.arange(float(begin), begin + n)[:, None] if values is None else values
    ts = np.arange(float(begin), begin + n)
    return SourcePart("a", ts, channels, values, scores, [], {}, np.arange(begin, begin + n) == 500, None)


def test_a_short_course_is_kept_row_by_row():
    trace = Trace(warmup=10)
    for begin in range(0, 1000, 37):
        trace.update(part(begin, min(37, 1000 - begin)))
    bins = trace.bins()
    assert np.array_equal(bins.ts, np.arange(1000.0))
    assert np.array_equal(bins.low, bins.high)
    assert np.flatnonzero(bins.truth).tolist() == [500]
    assert int(bins.learning.sum()) == 10


def test_a_long_course_keeps_its_extremes_in_bounded_memory():
    trace = Trace(warmup=10)
    size, count = 5000, 60
    for begin in range(0, size * count, size):
        trace.update(part(begin, size))
    bins = trace.bins()
    assert len(bins) <= 64_000
    assert (bins.low.min(), bins.high.max()) == (0.0, size * count - 1)
    assert bins.score.max() == size * count - 1
    assert bins.truth.sum() == 1
    assert (np.diff(bins.ts) > 0).all()


def test_nothing_is_drawn_across_a_gap():
    quiet = EventScores.quiet(600)
    ts = np.arange(600.0)
    ts[300:] += 604_800.0
    trace = Trace(warmup=0)
    rows = SourcePart("a", ts, ("flow",), np.ones((600, 1)), quiet, [], {}, np.ones(600, dtype=bool), None)
    trace.update(rows)
    bins = trace.bins().broken()
    assert len(bins) == 601
    assert np.flatnonzero(np.isnan(bins.low[:, 0])).tolist() == [300]
    assert np.flatnonzero(~bins.truth).tolist() == [300]
    (line,) = draw_source("a", trace).axes[1].get_lines()[:1]
    assert np.isnan(line.get_ydata()).sum() == 1
    assert "row" in draw_source("a", trace, period=60.0).axes[-1].get_xlabel()


def test_a_channel_that_has_a_reading_now_and_then_is_a_line():
    values = np.full((600, 1), np.nan)
    values[::2] = 1.0
    trace = Trace(warmup=0)
    trace.update(part(0, 600, values=values))
    (line,) = draw_source("a", trace).axes[1].get_lines()[:1]
    assert len(line.get_ydata()) == 300
    assert not np.isnan(line.get_ydata()).any()


def test_channels_that_come_later_have_no_past():
    trace = Trace(warmup=0)
    trace.update(part(0, 5))
    trace.update(part(5, 5, ("level", "flow"), np.ones((5, 2))))
    assert trace.channels == ("flow", "level")
    assert np.isnan(trace.bins().low[:5, 1]).all()
    assert np.array_equal(trace.bins().low[5:], np.ones((5, 2)))


def test_a_report_has_a_page_with_figures_and_a_picture_of_each_source(tmp_path):
    rng = np.random.default_rng(3)
    report = Report(tmp_path / "report", 400)
    backtest = Backtest(SensorStream(), report.watch)
    truth = (np.arange(1200) >= 800) & (np.arange(1200) < 1000)
    for name in ("<b>$x_1$</b>", "../pump"):
        values = rng.normal(0.0, 1.0, size=(1200, 3)) - 6.0 * truth[:, None]
        values[300:320] = np.nan
        backtest.update(InputRows.of(name, np.arange(1200.0), ("f$l", "le_v$el", "x"), values, anomaly=truth))
    page = report.write(backtest, "two <pumps>").read_text(encoding="utf-8")
    pictures = re.findall(r'<img src="([^"]+)"', page)
    assert len(pictures) == 2
    for picture in pictures:
        assert (tmp_path / "report" / picture).read_bytes().startswith(PNG)
    assert "<b>$" not in page
    assert "two &lt;pumps&gt;" in page
    f1 = backtest.figures().anomalies.f1
    assert f"<td>F1</td><td>{f1:.4f}</td>" in page
    assert page.count("<td>anomaly</td>") == backtest.figures().alerts["anomaly"]
    # Each alert has its values around it.
    assert page.count("<svg") >= backtest.figures().alerts["anomaly"]
    assert "<title>f$l</title>" in page


def test_sources_with_nothing_to_show_are_drawn_too(tmp_path):
    report = Report(tmp_path, 400)
    backtest = Backtest(SensorStream(), report.watch)
    backtest.update(InputRows.of("one", [5.0], ("x",), [[1.0]]))
    backtest.update(InputRows.of("empty", [5.0, 6.0], ("x",), [[float("nan")], [float("nan")]]))
    report.write(backtest, "little")
    assert {file.name for file in tmp_path.iterdir()} == {"01-one.png", "02-empty.png", "summary.html"}
