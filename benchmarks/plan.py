"""What `streamgauge plan` reckons with: costs of a source and of an event, sent through a worker, as straight lines.

usage: python benchmarks/plan.py [--write]

Broker and store are the embedded ones. Of each kind three widths are measured (channels of a source, fields of a session event), and for
sessions three numbers of events that are kept; a line is put through each by least squares of the relative error. It prints how far
each measurement lies from its line, and ends with 1 where one of memory is more than 15 % away. With --write the lines go into
`stream_app/planning/measured.json`.
"""

import argparse
import asyncio
import os
import sys
import time
from pathlib import Path

import msgspec
import numpy as np
from scipy.optimize import nnls

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from planned_load import measured_source, sensor_events, session_events  # noqa: E402

FILE = ROOT / "stream_app" / "planning" / "measured.json"
SOURCES, ENTITIES = (50, 150), (1000, 4000)
CHANNELS, FIELDS, KEPT = (1, 4, 8), (1, 2, 4), (3, 10, 30)
FARTHEST = 0.15


def fit(terms, found):
    """Coefficients, none negative, of the sum of some terms that is nearest to what was found, relatively."""
    found = np.asarray(found, dtype=float)
    table = np.asarray(terms, dtype=float)
    solved, _ = nnls(table / found[:, None], np.ones(len(found)))
    return solved, table @ solved / found - 1.0


def line(widths, found, name):
    (base, each), off = fit([(1.0, width) for width in widths], found)
    print(f"  {name:<14} {base:10.2f} + {each:8.2f} each, farthest {np.abs(off).max():6.1%}", flush=True)
    return {"base": round(float(base), 3), "each": round(float(each), 3)}, np.abs(off).max()


async def sensors():
    print("sensors, by channels", flush=True)
    runs = [
        await measured_source(
            "sensors", lambda some, width=width: sensor_events(some, width), width, *SOURCES
        )
        for width in CHANNELS
    ]
    memory, off = line(CHANNELS, [run["redis_bytes"] for run in runs], "redis_bytes")
    costs = {"redis_bytes": memory, "kept_bytes": {"base": 0.0, "each": 0.0}}
    for name in ("cpu_us", "redis_cpu_us", "event_bytes"):
        costs[name], _ = line(CHANNELS, [run[name] for run in runs], name)
    return costs, off


async def sessions():
    print("sessions, by fields and events kept", flush=True)
    cases = [(width, kept) for width in FIELDS for kept in KEPT]
    runs = [
        await measured_source(
            "sessions",
            lambda some, width=width, kept=kept: session_events(some, kept, width),
            width,
            *ENTITIES,
        )
        for width, kept in cases
    ]
    terms = [(1.0, width, kept, kept * width) for width, kept in cases]
    solved, off = fit(terms, [run["redis_bytes"] for run in runs])
    print(f"  redis_bytes    {np.round(solved, 2)}, farthest {np.abs(off).max():.1%}", flush=True)
    base, each, kept, kept_each = (round(float(value), 3) for value in solved)
    costs = {"redis_bytes": {"base": base, "each": each}, "kept_bytes": {"base": kept, "each": kept_each}}
    widths = [width for width, _ in cases]
    for name in ("cpu_us", "redis_cpu_us", "event_bytes"):
        costs[name], _ = line(widths, [run[name] for run in runs], name)
    return costs, np.abs(off).max()


def machine():
    """Name the processor and how many cores there are."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if "model name" in line
    ]
    return f"{os.cpu_count()} cores of {names[0] if names else 'an unnamed processor'}, shared"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="keep the lines for `streamgauge plan`")
    given = parser.parse_args()
    (of_sensors, off), (of_sessions, farther) = asyncio.run(sensors()), asyncio.run(sessions())
    found = {
        "machine": machine(),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "load": round(os.getloadavg()[1], 1),
        "sensors": of_sensors,
        "sessions": of_sessions,
    }
    if given.write:
        FILE.write_bytes(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
        print(f"wrote {FILE}")
    sys.exit(bool(max(off, farther) > FARTHEST))


if __name__ == "__main__":
    main()
