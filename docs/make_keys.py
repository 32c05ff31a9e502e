"""The reference of Redis keys, from `stream_app.store.keys`; `make_site` adds it to the site."""

import inspect
import re
from collections.abc import Iterator

from stream_app.store.keys import Keys

HEAD = """# Redis keys

Made from the code. `sg` is the prefix of a deployment without a name; `prefix` in the settings replaces it. Words in capitals
stand for names. Characters in them other than letters, digits, `-`, `_` and `.` are percent-encoded. Read what these keys hold through the
[client](python.md), [HTTP](http.md) or the [commands](commands.md): the form of packed values may change with a release.

| key | type | holds |
|---|---|---|
"""

KIND = re.compile(r"(.+?) \((hash|list|set|sorted set|stream|string|pub/sub)\)\.$", re.DOTALL)


def rows() -> Iterator[tuple[str, str, str]]:
    """Yield the pattern of each key, its type in Redis, and what it holds."""
    keys = Keys()
    for name, member in vars(Keys).items():
        said = KIND.match((inspect.getdoc(member) or "").split("\n\n")[0])
        if name.startswith("_") or said is None:
            continue
        pattern = getattr(keys, name)
        if callable(pattern):
            pattern = pattern(
                *(word.upper().removesuffix("_ID") for word in inspect.signature(pattern).parameters)
            )
        yield pattern, said[2], said[1].removeprefix("Name the ").replace("\n", " ")


def page() -> str:
    """Write the page: a line a key."""
    lines = [f"| `{pattern}` | {kind} | {text[:1].upper()}{text[1:]} |" for pattern, kind, text in rows()]
    return HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page())
