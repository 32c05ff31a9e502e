"""Keep the states of a version that is released: ``PYTHONPATH=tests:tests/core python -m released.keep 0.1.0``."""

import sys
from pathlib import Path

from released.kinds import KEPT

FOLDER = Path(__file__).parent / "states"


def main(version: str) -> None:
    """Write a state of every kind to the folder of a version."""
    folder = FOLDER / version
    folder.mkdir(parents=True)
    for kind, make in KEPT.items():
        (folder / f"{kind}.state").write_bytes(make().first())


if __name__ == "__main__":
    main(sys.argv[1])
