"""Formats of messages by name, and the schemas of a registry that some of them need."""

from stream_app.formats.kind import FormatKind, make_format
from stream_app.formats.preparing import Preparation, preparation
from stream_app.formats.registry import SchemaRegistry

__all__ = ["FormatKind", "Preparation", "SchemaRegistry", "make_format", "preparation"]
