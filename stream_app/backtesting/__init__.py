"""Backtests: the monitor of a stream over rows of a table, without Kafka, and how good it was."""

from stream_app.backtesting.change_window import ChangeWindow
from stream_app.backtesting.episodes import EPISODE_COLUMNS, AlertEpisode, Change, episodes_of
from stream_app.backtesting.event_file import EventFile
from stream_app.backtesting.figures import Delays, Figures, measure
from stream_app.backtesting.incidents import IncidentEpisode
from stream_app.backtesting.parts import SourcePart
from stream_app.backtesting.report import Report
from stream_app.backtesting.run import Backtest, JudgedBlock, sweep
from stream_app.backtesting.scoring import PROFILES, Confusion, NabProfile, NabScore, nab_score
from stream_app.backtesting.show import figure_rows
from stream_app.backtesting.tally import SourceTally
from stream_app.backtesting.understood import Understood, understand, understood_rows
from stream_app.backtesting.verdict import Verdict
from stream_app.tables import InputRows

__all__ = [
    "EPISODE_COLUMNS",
    "PROFILES",
    "AlertEpisode",
    "Backtest",
    "Change",
    "ChangeWindow",
    "Confusion",
    "Delays",
    "EventFile",
    "Figures",
    "IncidentEpisode",
    "InputRows",
    "JudgedBlock",
    "NabProfile",
    "NabScore",
    "Report",
    "SourcePart",
    "SourceTally",
    "Understood",
    "Verdict",
    "episodes_of",
    "figure_rows",
    "measure",
    "nab_score",
    "sweep",
    "understand",
    "understood_rows",
]
