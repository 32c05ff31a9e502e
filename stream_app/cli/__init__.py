"""The command line."""

import sys

__all__ = ["main"]


def main() -> None:
    """Run the program; see `stream_app.cli.main`."""
    # Faust looks for options of its own, such as --loop, among the program's arguments when it is imported.
    arguments, sys.argv = sys.argv, sys.argv[:1]
    try:
        from stream_app.cli.main import main as program  # noqa: PLC0415 only now
    finally:
        sys.argv = arguments
    program()
