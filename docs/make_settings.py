"""Make the tables of settings in ``configuration.md`` anew: ``.venv/bin/python docs/make_settings.py``.

A table stands between ``<!-- settings: MODEL -->`` and ``<!-- end -->``. Names, defaults and ranges come from the fields of the pydantic
model, types and texts from its docstring, so a setting is described once, where it is defined.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo

from stream_app import settings
from stream_app.settings.table import Table

PAGE = Path(__file__).resolve().parent / "configuration.md"
BLOCK = re.compile(r"(<!-- settings: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
ENTRY = re.compile(r"^ {4}(\w[\w, ]*) : (.+)\n((?: {8}.+\n?)+)", re.MULTILINE)
UNITS = (("week", 604_800), ("day", 86_400), ("h", 3600), ("min", 60), ("s", 1))


@dataclass(frozen=True)
class Description:
    """What a docstring says of a setting."""

    type: str
    text: str


def descriptions(model: type[Table]) -> dict[str, Description]:
    """Return what a model's docstring says of each setting, and those of the models it inherits from."""
    found: dict[str, Description] = {}
    for one in reversed(model.__mro__):
        if not issubclass(one, Table) or not one.__doc__:
            continue
        for names, kind, lines in ENTRY.findall(one.__doc__ + "\n"):
            text = " ".join(line.strip() for line in lines.splitlines())
            for name in names.split(", "):
                found[name] = Description(kind.removesuffix(", optional"), text.replace("``", "`"))
    return found


def table(model: type[Table]) -> str:
    """Write the settings of a model as a table: those that it declares or whose default it changes."""
    said = descriptions(model)
    rows: dict[tuple[str, ...], list[str]] = {}
    for name, field in model.model_fields.items():
        if name in model.__annotations__ and name != "kind":
            one = said[name]
            # Settings that a docstring describes together share a line.
            rows.setdefault((one.type + _range(field), _default(field, one.type), one.text), []).append(
                f"`{name}`"
            )
    lines = ["| setting | type | default | meaning |", "|---|---|---|---|"]
    for cells, names in rows.items():
        lines.append(
            f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in (', '.join(names), *cells))} |"
        )
    return "\n".join(lines) + "\n"


def _default(field: FieldInfo, kind: str) -> str:
    """Write a default as the monitor file would; nothing where it has no word for it."""
    if field.is_required():
        return "required"
    value = field.default
    if value is None and kind.endswith("or false"):
        value = False
    if value is None or isinstance(value, tuple | dict | Table):
        return ""
    if isinstance(value, float) and kind.startswith("duration"):
        value = _duration(value)
    return f"`{json.dumps(value)}`"


def _duration(seconds: float) -> str:
    if not seconds:
        return "0 s"
    unit, length = next((unit, length) for unit, length in UNITS if seconds % length == 0)
    return f"{seconds / length:g} {unit}"


def _range(field: FieldInfo) -> str:
    signs = {Ge: ("≥", "ge"), Gt: (">", "gt"), Le: ("≤", "le"), Lt: ("<", "lt")}
    found = [(*signs[type(one)], one) for one in _limits([field.annotation, *field.metadata])]
    return "".join(f", {sign} {getattr(one, attribute):.12g}" for sign, attribute, one in found)


def _limits(parts: Any) -> Iterator[Any]:
    """Find the bounds of a number in an annotation, whatever they are nested in."""
    for part in parts:
        if isinstance(part, Ge | Gt | Le | Lt):
            yield part
        elif isinstance(part, FieldInfo):
            yield from _limits(part.metadata)
        elif not (isinstance(part, type) and issubclass(part, Table)):
            yield from _limits(get_args(part))


def page(text: str) -> str:
    """Return the page with its tables made anew."""
    return BLOCK.sub(lambda block: f"{block[1]}\n{table(getattr(settings, block[2]))}\n{block[3]}", text)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
