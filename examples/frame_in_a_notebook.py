# %% [markdown]
# A backtest of a frame. Open this file as a notebook, or run it: `python examples/frame_in_a_notebook.py`.

# %%
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

import stream_app as sg

# %% An hour of three pumps, a reading a second; the flow of the second one sinks for five minutes.
rng = np.random.default_rng(7)
begin = datetime(2026, 3, 9, 10, tzinfo=UTC)
pumps = []
for pump in ("pump-1", "pump-2", "pump-3"):
    seconds = np.arange(3600)
    fault = (pump == "pump-2") & (seconds >= 2400) & (seconds < 2700)
    pumps.append(
        pl.DataFrame(
            {
                "ts": [begin + timedelta(seconds=int(second)) for second in seconds],
                "pump": pump,
                "flow": rng.normal(32.0, 0.4, 3600) - 3.0 * fault,
                "pressure": rng.normal(5.0, 0.1, 3600),
                "anomaly": fault,
            }
        )
    )
df = pl.concat(pumps).sort("ts", "pump")

# %% The monitor of a worker, over the frame. The column "anomaly" is the truth: the monitor never sees it.
result = sg.backtest(df, time="ts", source="pump", label="anomaly", budget="1 per day")
print(result)

# %% Alerts and scores are frames of the library that made `df`.
print(result.alerts.select("source", "kind", "channel", "started_at", "ended_at", "before", "after"))
marked = result.scores.filter(pl.col("anomaly")).group_by("pump").len()
print(marked)

# %% Figures are plain values, as `streamgauge backtest --json` has them.
print("delay of the first alert:", result.figures["alert_delay"]["median"], "s")

# %% A picture of one pump: what was found, above what is true.
result.plot("pump-2").savefig("pump-2.png")
