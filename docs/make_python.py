"""The reference of the Python API: every public name, whose docstring mkdocstrings shows; `make_site` adds it to the site."""

import stream_app
from stream_app import client

HEAD = """# Python

What `import stream_app` gives, from the docstrings. Each name is loaded when it is first asked for.
"""
CLIENT = """
# `stream_app.client`

For programs that use what Streamgauge writes: the names above that they need, and these.
"""


def names() -> dict[str, str]:
    """Return the full name of every public object by the name it is imported as."""
    public = {f"stream_app.{name}": getattr(stream_app, name) for name in stream_app.__all__}
    public |= {f"stream_app.client.{name}": getattr(client, name) for name in client.__all__}
    return {
        name: f"{value.__module__}.{value.__qualname__}"
        for name, value in public.items()
        if hasattr(value, "__qualname__")
    }


def page() -> str:
    """Write the page: a directive a name, each object once."""
    parts, seen = [HEAD], set()
    for name, full in names().items():
        if full in seen:
            continue
        seen.add(full)
        if name.startswith("stream_app.client.") and CLIENT not in parts:
            parts.append(CLIENT)
        parts.append(f"::: {full}\n")
    return "\n".join(parts)


if __name__ == "__main__":
    print(page())
