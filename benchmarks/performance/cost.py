"""What watching predictions costs: CPU time a prediction, of live features and of the state.

python benchmarks/performance/cost.py
"""

import time

import numpy as np

from stream_app.events import PredictionRow
from stream_app.monitors.predictions import Arrivals, PredictionMonitor
from stream_app.settings import PredictionStream
from stream_app.store.packing import pack_state

CLASSES, FEATURES, N, DELAY = 10, 20, 20_000, 200.0


def events(*, together: bool) -> list[PredictionRow]:
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.full(CLASSES, 0.3), N)
    truth = [rng.choice(CLASSES, p=row) for row in p]
    cells = rng.normal(size=(N, FEATURES)).round(3).tolist()
    rows = []
    for i, (chances, label, values) in enumerate(zip(p.tolist(), truth, cells, strict=True)):
        said = str(int(np.argmax(chances)))
        rows.append(
            PredictionRow(
                "m", float(i), str(i), "v1", said, tuple((str(j), q) for j, q in enumerate(chances)),
                str(label) if together else None, {f"f{j}": x for j, x in enumerate(values)}, {"site": "abc"[i % 3]}, 0.01,
            )
        )  # fmt: skip
        if not together:
            rows.append(PredictionRow("m", i + DELAY, str(i), label=str(label)))
    return sorted(rows, key=lambda row: row.ts)


def milliseconds(call: object, times: int = 20) -> float:
    begin = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - begin) / times * 1e3


def main() -> None:
    for together in (True, False):
        rows = events(together=together)
        for size in (200, 500, 1000):
            monitor = PredictionMonitor(PredictionStream())
            parts = [rows[at : at + size] for at in range(0, len(rows), size)]
            batches = [Arrivals(part, list(range(len(part))), [row.ts for row in part]) for part in parts]
            begin = time.process_time()
            for batch in batches:
                monitor.update("m", batch)
            seconds = time.process_time() - begin
            label = "with the prediction" if together else "in its own event"
            print(
                f"label {label:20} batches of {size:>5}: {1e6 * seconds / N:5.1f} us a prediction, {N / seconds:,.0f} a second"
            )
    print(f"live features {milliseconds(lambda: monitor.features('m')):.1f} ms")
    packed = pack_state(monitor.state("m"))
    print(f"state {milliseconds(lambda: pack_state(monitor.state('m'))):.1f} ms, {len(packed) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
