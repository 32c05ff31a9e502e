"""Metrics, queries and changes of a data platform: from files, Prometheus, processes that expose metrics, and Trino."""

from producers.platform.endpoint import Endpoint
from producers.platform.files import PlatformFiles
from producers.platform.follow import PrometheusFollower
from producers.platform.listener import QueryListener
from producers.platform.polling import Position
from producers.platform.prometheus import PrometheusHistory, RangeQuery
from producers.platform.records import ChangeMade, PlatformRecords, QueryEnded, Sample, Scrape
from producers.platform.remote_read import RemoteRead
from producers.platform.scrape import Scraper
from producers.platform.sink import Sending, SendingSummary, send_on
from producers.platform.trino_queries import QueryPoller

__all__ = [
    "ChangeMade",
    "Endpoint",
    "PlatformFiles",
    "PlatformRecords",
    "Position",
    "PrometheusFollower",
    "PrometheusHistory",
    "QueryEnded",
    "QueryListener",
    "QueryPoller",
    "RangeQuery",
    "RemoteRead",
    "Sample",
    "Scrape",
    "Scraper",
    "Sending",
    "SendingSummary",
    "send_on",
]
