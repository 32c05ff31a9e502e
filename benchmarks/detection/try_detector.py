"""Try a function of plain arrays on the data sets.

usage: python benchmarks/detection/try_detector.py MODULE:FUNCTION DATA_DIR [SET ...] [--aa]

FUNCTION(ts, values, warmup, alarms_per_event) gives (score, marked, alarm rows). SET: skab, nab, smd, cloud,
blind-spots, plants; all of them where none is named.
"""

import argparse
import importlib
import sys
from pathlib import Path

from datasets import SETS, load
from healthy import HEALTHY, load_healthy
from judging import aa, judge, plain
from tables import show


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("function")
    parser.add_argument("data", type=Path)
    parser.add_argument("sets", nargs="*")
    parser.add_argument("--aa", action="store_true", help="false alarms where nothing happens")
    asked = parser.parse_intermixed_args()
    sys.path.insert(0, str(Path.cwd()))
    module, _, function = asked.function.partition(":")
    detector = plain(getattr(importlib.import_module(module), function))
    for name in asked.sets or ([] if asked.aa else SETS):
        show(name, judge(name, load(name, asked.data), detector))
    if asked.aa:
        for name in HEALTHY:
            show(f"A/A, {name}", aa(load_healthy(name, asked.data), detector))


if __name__ == "__main__":
    main()
