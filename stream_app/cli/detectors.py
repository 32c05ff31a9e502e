"""``streamgauge detectors``."""

import json as json_module
from typing import Annotated

import typer
from rich.table import Table

from stream_app.cli.options import JsonOption
from stream_app.cli.printable import printable
from stream_app.cli.show import console
from stream_app.errors import StreamgaugeError

__all__ = ["detectors"]


def detectors(
    check: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Run the checks that every detector has to pass: a name of the list, or module:Class, which imports "
            "the module.",
            show_default=False,
        ),
    ] = None,
    *,
    json: JsonOption = False,
) -> None:
    """List the available detectors, or check one.

    Lists the name of each in the monitor file, where it comes from and what it is. Detectors of other packages are those of the
    entry-point group streamgauge.detectors.
    """
    from stream_app.core.registry import detector_names, detector_type  # noqa: PLC0415 help does not wait for it
    from stream_app.testing import check_detector  # noqa: PLC0415 as above

    if check is not None:
        report = check_detector(check)
        typer.echo(json_module.dumps(report.problems) if json else str(report))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("name", "from", "what it is"):
        table.add_column(heading, no_wrap=heading != "what it is")
    for name in detector_names():
        origin, problem = "", None
        try:
            found = detector_type(name)
            origin, about = found.origin, found.doc()
            if found.always:
                about = f"In every stream of readings. {about}"
        except StreamgaugeError as error:
            about = problem = str(error)
        if json:
            typer.echo(
                json_module.dumps({"name": name, "origin": origin, "about": about, "problem": problem})
            )
        else:
            table.add_row(
                printable(name), printable(origin), printable(about), style="red" if problem else None
            )
    if not json:
        console.print(table)
