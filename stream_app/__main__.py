"""``python -m stream_app`` is ``streamgauge``."""

from stream_app.cli import main

if __name__ == "__main__":
    main()
