"""How well a model does: labels joined to predictions, and what follows from them."""

from stream_app.core.performance.join import JoinCounts, JoinVerdict, LabelJoin

__all__ = ["JoinCounts", "JoinVerdict", "LabelJoin"]
