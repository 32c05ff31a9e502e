"""What the user says of how files are written; what is left out is found out, or asked for where two readings fit."""

from dataclasses import dataclass

__all__ = ["AS_FOUND", "FileFormat", "Long"]


@dataclass(frozen=True, slots=True)
class Long:
    """A long table has a reading a row; its columns.

    Parameters
    ----------
    channel : str
        Column with the name of the channel.
    value : str
        Column with the value.
    time, source : str or None
        Columns with the event time and the source's name, where the user says them.
    """

    channel: str
    value: str
    time: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class FileFormat:
    """How files are written.

    Parameters
    ----------
    delimiter : str or None
        Between the cells of a CSV file.
    encoding : str or None
        Of a file of text, as Python names it: ``latin-1``, ``utf-16``.
    header : bool or None
        Whether a CSV file has a line with the names of its columns.
    decimal : str or None
        What stands before the fraction of a number: ``.`` or ``,``.
    missing : tuple of str
        Cells that say that nothing was measured, beside the usual ones.
    time_format : str or None
        Of the event time: ``s``, ``ms``, ``us`` or ``ns`` since 1970, ``excel`` for days as spreadsheets count them, or
        the words of ``strptime``.
    time_zone : str or None
        IANA name of the zone of times without an offset, by default UTC.
    time_pair : tuple of (str, str), or None
        Columns of the date and of the time of day, where they are two.
    long : Long or None
        That the table has a reading a row.
    """

    delimiter: str | None = None
    encoding: str | None = None
    header: bool | None = None
    decimal: str | None = None
    missing: tuple[str, ...] = ()
    time_format: str | None = None
    time_zone: str | None = None
    time_pair: tuple[str, str] | None = None
    long: Long | None = None


AS_FOUND = FileFormat()
"""Nothing is said: all is found out."""
