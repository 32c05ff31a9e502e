"""Dead letters after they were written: looking them up, and sending them back.

The dead-letter topic is the only place where anything about them is kept. `Book` is what a look at all of it gives;
`Replay` sends letters back to where they came from, and writes down in the same topic which ones it sent.
"""

from stream_app.dead_letters.book import Book, Origin, Row, Standing, survey
from stream_app.dead_letters.marks import REPLAY_HEADER, Place
from stream_app.dead_letters.reading import TopicReader, reading
from stream_app.dead_letters.replay import Replay, Sorted, sort_out

__all__ = [
    "REPLAY_HEADER",
    "Book",
    "Origin",
    "Place",
    "Replay",
    "Row",
    "Sorted",
    "Standing",
    "TopicReader",
    "reading",
    "sort_out",
    "survey",
]
