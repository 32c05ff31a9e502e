"""Session events of tables: what each column means, what a row says, which rows say nothing, and known shops."""

from producers.sessions.batch import SessionEvents
from producers.sessions.columns import SessionColumns
from producers.sessions.drift import SessionInjector
from producers.sessions.files import SessionFiles
from producers.sessions.shops import SHOPS

__all__ = ["SHOPS", "SessionColumns", "SessionEvents", "SessionFiles", "SessionInjector"]
