"""The reference of commands, from the data of which typer makes ``--help``; `make_site` adds it to the site."""

from collections.abc import Iterator
from typing import Any

import typer

from stream_app.cli.main import program

HEAD = """# Commands

Made from the program itself. `streamgauge COMMAND --help` says the same.
Exit codes: 0 for success, 1 for a failure, 2 for a wrong call.
"""


def commands(command: Any = None, words: tuple[str, ...] = ("streamgauge",)) -> Iterator[tuple[str, Any]]:
    """Yield each command by its words, in the order of the program's help."""
    command = command or typer.main.get_command(program())
    below = getattr(command, "commands", None)
    if not below:
        yield " ".join(words), command
    for name, one in (below or {}).items():
        yield from commands(one, (*words, name))


def page() -> str:
    """Write the page: a section a command, with what it does, its arguments and options, and examples."""
    return "\n".join([HEAD, *(_section(words, command) for words, command in commands())])


def _section(words: str, command: Any) -> str:
    parts = [f"## {words}", _safe(command.help or "")]
    ctx = command.make_context(words, [], resilient_parsing=True)
    shown = [one for one in command.params if not getattr(one, "hidden", False)]
    call = [one.metavar or one.name.upper() for one in shown if one.param_type_name == "argument"]
    parts.append(f"```text\n{' '.join([words, '[OPTIONS]', *call])}\n```")
    rows = [_row(one, ctx) for one in shown]
    if rows:
        parts.append("\n".join(["| option | value | default | meaning |", "|---|---|---|---|", *rows]))
    if command.epilog:
        examples = [line for line in command.epilog.split("\n") if line.startswith("streamgauge")]
        parts.append("\n".join(["```bash", *examples, "```"]))
    return "\n\n".join(parts) + "\n"


def _row(parameter: Any, ctx: Any) -> str:
    names = [*parameter.opts, *parameter.secondary_opts]
    if parameter.param_type_name == "argument":
        names = [parameter.metavar or parameter.name.upper()]
    flag = getattr(parameter, "is_flag", False)
    value = "" if flag else parameter.metavar or parameter.display_type(ctx).strip("<>")
    if value.endswith(" range"):
        low, high = parameter.min, parameter.max
        value = f"{low} to {high}" if None not in {low, high} else f"≥ {low}" if high is None else f"≤ {high}"
    default = parameter.default
    if parameter.required:
        said = "required"
    else:
        said = "" if default is None or callable(default) or flag else f"`{default}`"
    cells = (
        ", ".join(f"`{name}`" for name in names),
        f"`{value}`" if value else "",
        said,
        parameter.help or "",
    )
    return f"| {' | '.join(_safe(cell).replace('|', chr(92) + '|') for cell in cells)} |"


def _safe(text: str) -> str:
    """Keep what is text to a terminal from being markup of a page."""
    return text.replace("<", "&lt;").replace("*", "\\*")


if __name__ == "__main__":
    print(page())
