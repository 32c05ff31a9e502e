"""A clock of the workers that is set by writing a file."""

from pathlib import Path

__all__ = ["FAKETIME", "SetClock"]

FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
"""The library; None where it is not installed. On Debian: sudo apt-get install faketime."""


class SetClock:
    """A clock that is some seconds ahead.

    Parameters
    ----------
    file : path
        Says by how much; it is made.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self.set(0)

    def set(self, ahead: int) -> None:
        """Let it be so many seconds ahead."""
        self._file.write_text(f"{ahead:+d}\n")

    @property
    def environment(self) -> dict[str, str]:
        """Variables of processes that go by it."""
        return {
            "LD_PRELOAD": str(FAKETIME),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            # Looking at the file at each call would slow a worker down as no jump does.
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
            # Times of files stay: what is compiled is known by them.
            "NO_FAKE_STAT": "1",
        }
