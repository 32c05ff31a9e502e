"""Redis functions: our scripts as a library that is loaded once and called by name.

A user who may only call what is loaded (``+fcall``) can run no script of its own. Functions are stored and replicated with the
data, so that a restart or a failover keeps them. Names carry a hash of the library: workers of two versions each call their own.
"""

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from redis.exceptions import NoPermissionError, ResponseError

from stream_app.errors import StoreError

__all__ = ["Function", "function_name", "is_missing", "library", "load"]

_SHARED = "fence"
"""Beginning of the library: what several functions use."""

_FLAGS = MappingProxyType({"trim_outbox": "'allow-oom'"})
"""What only frees memory runs in a full store too."""


@cache
def _scripts() -> dict[str, str]:
    folder = files("stream_app.store.scripts")
    found = {
        file.name.removesuffix(".lua"): file.read_text(encoding="utf-8")
        for file in folder.iterdir()
        if file.name.endswith(".lua")
    }
    return dict(sorted(found.items()))


@cache
def _library_name() -> str:
    digest = hashlib.sha256("".join(_scripts().values()).encode()).hexdigest()
    return f"streamgauge_{digest[:12]}"


def function_name(name: str) -> str:
    """Return the name of a function in Redis.

    Parameters
    ----------
    name : str
        Of its script, without the suffix.

    Examples
    --------
    >>> function_name("claim").startswith("streamgauge_"), function_name("claim").endswith("_claim")
    (True, True)
    """
    return f"{_library_name()}_{name}"


@cache
def library() -> str:
    """Return the library as ``FUNCTION LOAD`` takes it.

    Examples
    --------
    >>> library().splitlines()[0].startswith("#!lua name=streamgauge_")
    True
    """
    parts = [f"#!lua name={_library_name()}\n", _scripts()[_SHARED]]
    parts += [
        f"redis.register_function{{function_name='{function_name(name)}', flags={{{_FLAGS.get(name, '')}}}, "
        f"callback=function(KEYS, ARGV)\n{text}end}}\n"
        for name, text in _scripts().items()
        if name != _SHARED
    ]
    return "".join(parts)


def is_missing(error: ResponseError) -> bool:
    """Whether Redis said that it does not have a function."""
    return "Function not found" in str(error)


async def load(client: Any, place: str) -> None:
    """Load the library; where it is there already, nothing changes.

    Parameters
    ----------
    client : redis.asyncio.Redis
        Whose server.
    place : str
        Its address, for messages.

    Raises
    ------
    StoreError
        If the user may not.
    """
    try:
        await client.execute_command("FUNCTION LOAD", library())
    except NoPermissionError as error:
        raise StoreError(
            f"Redis at {place} does not have the functions of this version, and this user may not load them; let an "
            "administrator do it: streamgauge functions > library.lua, redis-cli -x FUNCTION LOAD < library.lua"
        ) from error
    except ResponseError as error:
        # Another worker was quicker.
        if "already exists" not in str(error):
            raise


class Function:
    """One function, to be called at once or within a pipeline.

    Parameters
    ----------
    client : redis.asyncio.Redis
        Where it is called.
    place : str
        The address of the server, for messages.
    name : str
        Of its script, without the suffix.
    """

    def __init__(self, client: Any, place: str, name: str) -> None:
        self._client = client
        self._place = place
        self._name = function_name(name)

    async def __call__(self, *, keys: Sequence[str], args: Sequence[Any], client: Any = None) -> Any:
        """Call it, after loading it where it is missing.

        Parameters
        ----------
        keys, args
            As the head of its script says.
        client : redis.asyncio.client.Pipeline, optional
            What the call is added to, for whoever executes it; see `stream_app.store.fence.FencedPipeline`.

        Returns
        -------
        object
            Its answer; nothing within a pipeline.
        """
        command = ("FCALL", self._name, len(keys), *keys, *args)
        if client is not None:
            client.execute_command(*command)
            return None
        try:
            return await self._client.execute_command(*command)
        except ResponseError as error:
            if not is_missing(error):
                raise
        await load(self._client, self._place)
        return await self._client.execute_command(*command)
