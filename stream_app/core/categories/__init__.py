"""Channels of categories, such as the mode of a pump: new categories, and shifts of their shares."""

from stream_app.core.categories.channel import CategoryChannel, CategoryOptions

__all__ = ["CategoryChannel", "CategoryOptions"]
