"""Make the pictures of the documentation anew: ``.venv/bin/python docs/make_pictures.py``.

``images/demo.svg`` is what `streamgauge demo` printed: the demo runs, which takes about a minute, and its closing output
becomes the picture. Nothing in it is written by hand; look at it before committing it. The test that runs the demo tells when it is old.
"""

import io
import re
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from stream_app.cli.demo import command, scenario

IMAGES = Path(__file__).resolve().parent / "images"
WIDTH = 132
ALERT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ  ")
THEME = TerminalTheme(
    (22, 27, 34),
    (220, 226, 232),
    [(72, 79, 88), (255, 123, 114), (86, 211, 100), (227, 179, 65), (121, 192, 255), (210, 168, 255), (86, 212, 221), (177, 186, 196)],
    [(110, 118, 129), (255, 161, 152), (126, 231, 135), (242, 204, 96), (165, 214, 255), (226, 197, 255), (179, 240, 255), (255, 255, 255)],
)  # fmt: skip
WEB_FONT = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def demo() -> list[str]:
    """Run the demo and return its lines, with their colours as escape sequences."""
    recording = Console(
        file=io.StringIO(), record=True, width=WIDTH, highlight=False, color_system="truecolor"
    )
    scenario.console = recording
    command.demo()
    return recording.export_text(styles=True).splitlines()


def excerpt(lines: list[str]) -> list[str]:
    """Leave out where the servers listen, and alerts as they begin: all are in the table at the end."""
    return ["$ make demo", *[line for line in lines if not ALERT.match(line)][1:]]


def picture(lines: list[str]) -> str:
    """Draw lines as a terminal shows them."""
    console = Console(file=io.StringIO(), record=True, width=WIDTH, highlight=False, color_system="truecolor")
    for line in lines:
        console.print(Text.from_ansi(line), no_wrap=True, overflow="ellipsis")
    drawn = console.export_svg(title="streamgauge demo", theme=THEME, unique_id="demo")
    # A picture of a page is shown without the fonts of other servers.
    return WEB_FONT.sub("", drawn)


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    (IMAGES / "demo.svg").write_text(picture(excerpt(demo())), encoding="utf-8")
    print(IMAGES / "demo.svg")
