"""``streamgauge features``: query live features, build training rows, compare the two."""

from stream_app.cli.features import history, look, skew, versions  # noqa: F401 each adds its commands
from stream_app.cli.features.app import features_app
from stream_app.cli.features.sensors import features_table

__all__ = ["features_app", "features_table"]
