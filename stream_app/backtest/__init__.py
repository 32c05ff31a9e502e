"""Backtests: the monitor of a stream over rows of a table, without Kafka, and how good it was."""

from stream_app.backtest.event_file import EventFile
from stream_app.backtest.figures import Delays, Figures, measure
from stream_app.backtest.parts import SourcePart
from stream_app.backtest.report import Report
from stream_app.backtest.rows import InputRows
from stream_app.backtest.run import Backtest
from stream_app.backtest.scoring import PROFILES, Confusion, NabProfile, NabScore, nab_score
from stream_app.backtest.show import figure_rows
from stream_app.backtest.tally import SourceTally

__all__ = [
    "PROFILES",
    "Backtest",
    "Confusion",
    "Delays",
    "EventFile",
    "Figures",
    "InputRows",
    "NabProfile",
    "NabScore",
    "Report",
    "SourcePart",
    "SourceTally",
    "figure_rows",
    "measure",
    "nab_score",
]
