"""Make the pictures of the dashboard anew: ``.venv/bin/python docs/make_dashboard.py``.

`streamgauge demo --serve` runs, and Debian's chromium opens its pages. It takes about two minutes; look at the pictures before committing
them. Beside them is kept of which sources they are, so that a test finds out when they are stale.
"""

import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images" / "dashboard"
QUIET = ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run")
SIZES = {"desk": (1440, 900), "phone": (390, 844)}
SETTLED_SECONDS = 45
"""After the demo has ended, in which the two pumps that go on fill their curves."""
PAGES = {
    "now": ("/", ".sg-tile polyline"),
    "incidents": ("/incidents?all=1", ".sg-row"),
    "incident": ("/incidents?all=1&source=pump-1&severity=critical", ".sg-row a"),
    "source": ("/source?stream=sensors&name=pump-1", ".sg-mean"),
}
"""Address of each, and what is there once it shows data; an incident is the first of a list."""
MADE_FROM = IMAGES / "made_from.txt"


def fingerprint() -> str:
    """Return a digest of what draws the pages that are shown: their elements and styles, and the head that all have."""
    folder = ROOT / "stream_app" / "dashboard"
    drawn = ("assets/*", "frame.*", "charts.py", *(f"pages/{page}.*" for page in (*PAGES, "tiles")))
    files = sorted({file for glob in drawn for file in folder.glob(glob) if file.suffix != ".pyc"})
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(folder)}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()


@contextmanager
def demo() -> Iterator[str]:
    """Run the demo until it is over and goes on serving; yield the address of its dashboard."""
    process = subprocess.Popen(
        [sys.executable, "-m", "stream_app", "demo", "--serve"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        address = ""
        for line in process.stdout or ():
            found = re.search(r"Dashboard on (\S+)", line)
            address = found[1] if found else address
            if line.startswith("Ctrl-C"):
                break
        yield address
    finally:
        process.terminate()
        process.wait()


def draw(browser: Browser, address: str, theme: str, size: str) -> None:
    """Make the pictures of one theme and size."""
    width, height = SIZES[size]
    context = browser.new_context(
        base_url=address, color_scheme=theme, viewport={"width": width, "height": height}, timezone_id="UTC"
    )
    page = context.new_page()
    for name, (path, shown) in PAGES.items():
        page.goto(path)
        page.locator(shown).first.wait_for()
        if name == "incident":
            page.locator(shown).first.click()
            page.locator(".sg-card").first.wait_for()
        page.wait_for_timeout(1000)
        # Few colours are used: a palette makes a picture a third as large. Maximum coverage keeps those of a few dots, too.
        shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        few = shot.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=3, dither=Image.Dither.NONE)
        few.save(IMAGES / f"{name}-{size}-{theme}.png", optimize=True)
    context.close()


def main() -> None:
    """Run the demo and make all pictures."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with demo() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(QUIET))
        page = browser.new_page()
        page.goto(address)
        page.wait_for_timeout(1000 * SETTLED_SECONDS)
        for size in SIZES:
            for theme in ("light", "dark"):
                draw(browser, address, theme, size)
        browser.close()
    MADE_FROM.write_text(f"{fingerprint()}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
