"""``streamgauge backtest``: the monitor of a stream over files, without Kafka."""

from stream_app.cli.backtest.command import backtest

__all__ = ["backtest"]
