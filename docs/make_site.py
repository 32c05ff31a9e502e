"""Build the documentation as a site: ``make docs``, which is ``.venv/bin/python docs/make_site.py [FOLDER]``.

Pages are laid out below ``build/docs`` first: those of this folder, those of the repository's top that they link to, the examples, and
the reference, which is made from the code. So links from one to the other work, and the reference cannot be stale. Then Zensical builds
``build/site``, strictly: a warning is an error.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import make_commands
import make_http
import make_keys
import make_python
import make_topics

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
TOP = {
    "CONTRIBUTING.md": "project/contributing.md",
    "SECURITY.md": "project/security.md",
    "CHANGELOG.md": "project/changelog.md",
}
"""Pages of the repository's top, and where the site has them; README's place is taken by the start page."""

REFERENCE: dict[str, Callable[[], str]] = {
    "commands.md": make_commands.page,
    "topics.md": make_topics.page,
    "asyncapi.json": lambda: json.dumps(make_topics.document(), indent=2),
    "keys.md": make_keys.page,
    "http.md": make_http.page,
    "openapi.json": lambda: json.dumps(make_http.described(), indent=2),
    "python.md": make_python.page,
}
LINK = re.compile(r"(\]\()([^)#:\s]+)((?:#[^)\s]*)?\))")
LOADED = re.compile(
    r"<(?!a\s)\w+\s[^>]*?(?:src|srcset|href)=[\"']?((?:https?:)?//[^\"'\s>]+)|url\([\"']?((?:https?:)?//[^\"')]+)"
)
"""What a browser would fetch from another server for a page or a style; links that people follow are none of it."""


def relinked(text: str, page: Path, place: Path) -> str:
    """Return a page's text with its links as they lead from its place in the site.

    Parameters
    ----------
    text : str
        Of the page.
    page : Path
        Its file in the repository.
    place : Path
        Its place, from the site's top.
    """

    def moved(link: re.Match[str]) -> str:
        target = (page.parent / link[2]).resolve()
        if not target.is_relative_to(ROOT):
            return link[0]
        there = target.relative_to(ROOT).as_posix()
        there = TOP.get(there, there.removeprefix("docs/"))
        if there == "README.md":
            there = "index.md"
        return f"{link[1]}{'../' * len(place.parent.parts)}{there}{link[3]}"

    return LINK.sub(moved, text)


def lay_out(folder: Path) -> None:
    """Write all pages into a folder."""
    for file in sorted(HERE.rglob("*")):
        place = file.relative_to(HERE)
        if file.suffix == ".md":
            _write(folder / place, relinked(file.read_text(encoding="utf-8"), file, place))
        elif file.suffix in {".css", ".png", ".svg"}:
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, folder / place)
    for name, there in TOP.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        _write(folder / there, relinked(text, ROOT / name, Path(there)))
    for file in sorted((ROOT / "examples").rglob("*.py")):
        _write(folder / file.relative_to(ROOT), file.read_text(encoding="utf-8"))
    for name, made in REFERENCE.items():
        _write(folder / "reference" / name, made())


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def loaded_from_elsewhere(site: Path) -> list[str]:
    """List what pages and styles of a site load from other servers, each with its file.

    Parameters
    ----------
    site : Path
        The site's folder.
    """
    files = [*sorted(site.rglob("*.html")), *sorted(site.rglob("*.css"))]
    return [
        f"{file.relative_to(site)}: {found[1] or found[2]}"
        for file in files
        for found in LOADED.finditer(file.read_text(encoding="utf-8"))
    ]


def build(folder: Path) -> Path:
    """Build the site.

    Parameters
    ----------
    folder : Path
        Where pages and site are written.

    Returns
    -------
    Path
        The site's folder.

    Raises
    ------
    subprocess.CalledProcessError
        If Zensical warns of anything, such as a link that leads nowhere; it has said what.
    SystemExit
        If the site needs another server.
    """
    pages = folder / "docs"
    shutil.rmtree(pages, ignore_errors=True)
    lay_out(pages)
    settings = folder / "zensical.toml"
    shutil.copyfile(HERE / "zensical.toml", settings)
    command = [
        Path(sys.executable).parent / "zensical",
        "build",
        "--clean",
        "--strict",
        "--config-file",
        settings,
    ]
    subprocess.run(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=True)
    site = folder / "site"
    if found := loaded_from_elsewhere(site):
        sys.exit("the site loads from other servers:\n" + "\n".join(found))
    return site


if __name__ == "__main__":
    build(Path(sys.argv[1]) if sys.argv[1:] else ROOT / "build")
