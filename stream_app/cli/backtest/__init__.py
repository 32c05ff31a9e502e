"""``streamgauge backtest``: the monitor of a stream over files, without Kafka."""

from stream_app.cli.backtest.command import EXAMPLES, backtest

__all__ = ["EXAMPLES", "backtest"]
