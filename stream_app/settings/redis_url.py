"""Normalisation of the URL of a Redis server."""

import re
from types import MappingProxyType
from urllib.parse import parse_qsl, urlencode, urlsplit

__all__ = ["normalise_redis_url"]

_SCHEMES = frozenset({"redis", "rediss", "unix"})

_DATABASE = re.compile(r"\d{1,5}")
_SECONDS = re.compile(r"\d{1,5}(\.\d{1,6})?")
_OPTIONS = MappingProxyType(
    {
        "db": _DATABASE,
        "username": re.compile(r".+"),
        "password": re.compile(r".+"),
        "client_name": re.compile(r"[!-~]+"),
        "socket_timeout": _SECONDS,
        "socket_connect_timeout": _SECONDS,
        "health_check_interval": _DATABASE,
        "protocol": re.compile(r"[23]"),
    }
)
"""Options of a URL, and the form of their values. Any other would change how answers are read, or what is trusted."""


def normalise_redis_url(url: str) -> str:
    """Check the URL of a Redis server and write it in its only form.

    redis-py takes database 0 where the path names none that is a number, knows schemes in lower case only, and hands options
    that it doesn't know to its connections, which fail when they are made.

    Parameters
    ----------
    url : str
        ``redis://host:port/db``, ``rediss://…`` for TLS, or ``unix://path?db=0``.

    Returns
    -------
    str
        The same with its scheme in lower case, and the database, where one is named, in the path (of ``unix``: an option).

    Raises
    ------
    ValueError
        If it is none; the message quotes no part of it, which may be a password.

    Examples
    --------
    >>> normalise_redis_url("REDISS://cache.example:6380?db=2&client_name=gauge")
    'rediss://cache.example:6380/2?client_name=gauge'
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        # What urlsplit says quotes a part of the address.
        raise ValueError(
            "not a URL, like redis://:PASSWORD@localhost:6379/0; in a password, write / ? # @ as %2F %3F %23 %40"
        ) from None
    is_unix = parts.scheme == "unix"
    # A host in the URL of a socket would be the first part of its path, forgotten.
    has_place = bool(parts.path) and not parts.hostname if is_unix else bool(parts.hostname)
    if parts.scheme not in _SCHEMES or parts.fragment or not has_place:
        raise ValueError("not a Redis URL, like redis://localhost:6379/0")
    options = _options(parts.query)
    if is_unix:
        path = parts.path
    else:
        database = parts.path.removeprefix("/")
        if database and not _DATABASE.fullmatch(database):
            raise ValueError("the database after the host is not a number, as in redis://localhost:6379/0")
        if database and options.get("db", database) != database:
            raise ValueError("the database is in the path and in the option db; leave one out")
        database = options.pop("db", database)
        path = f"/{database}" if database else ""
    # urlunsplit would leave out the slashes before a path without a host.
    return f"{parts.scheme}://{parts.netloc}{path}{'?' if options else ''}{urlencode(options)}"


def _options(query: str) -> dict[str, str]:
    pairs = parse_qsl(query, keep_blank_values=True)
    options = dict(pairs)
    if any(name.startswith("ssl") for name in options):
        # They could turn the check of the certificate off.
        raise ValueError("no ssl options in the URL; set ca_file, cert_file and key_file instead")
    if len(options) < len(pairs):
        raise ValueError("an option of the URL is there twice; leave one out")
    for name, value in options.items():
        form = _OPTIONS.get(name)
        if form is None:
            raise ValueError(f"an option of the URL is not known; there is {', '.join(_OPTIONS)}")
        if not form.fullmatch(value):
            raise ValueError(f"the value of the option {name} of the URL cannot be used")
    return options
