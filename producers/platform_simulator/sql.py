"""Texts of queries as people and jobs write them: one shape a class, literals that differ each time."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

__all__ = ["Text", "filled", "text_of"]


class Text(NamedTuple):
    """How queries of a class are asked.

    Parameters
    ----------
    template : str
        Text with places for literals: ``{day}`` and ``{end}``, ``{number}``, ``{customer}``, ``{region}``, ``{limit}``.
    user, source, group : str
        Who asks, with what, in which resource group.
    kind : str
        Trino's type of query.
    """

    template: str
    user: str
    source: str
    group: str
    kind: str = "SELECT"


_REGIONS = ("north", "south", "east", "west", "O'Higgins", "île-de-france")

_TEXTS: dict[str, Text] = {
    "dashboard": Text(
        "SELECT date_trunc('hour', o.created) AS hour, count(*) AS orders, sum(o.amount) AS amount FROM sales.orders o "
        "WHERE o.day = DATE '{day}' AND o.region = '{region}' GROUP BY 1 ORDER BY 1",
        "dashboards",
        "superset",
        "interactive",
    ),
    "ad_hoc": Text(
        "SELECT e.kind, approx_distinct(e.visitor) FROM web.events e WHERE e.day BETWEEN DATE '{day}' AND DATE '{end}' "
        "AND e.path LIKE '/p/{number}%' AND e.status <> 200 GROUP BY e.kind LIMIT {limit}",
        "analyst",
        "trino-cli",
        "interactive",
    ),
    "report_join": Text(
        "WITH paid AS (SELECT invoice, customer, sum(amount) AS amount FROM finance.payments WHERE day >= DATE '{day}' "
        "GROUP BY invoice, customer) SELECT c.segment, count(*), sum(p.amount) FROM paid p JOIN sales.customers c "
        "ON p.customer = c.id LEFT JOIN sales.orders o ON o.invoice = p.invoice WHERE c.region = '{region}' "
        "AND p.amount > {number}.50 GROUP BY c.segment HAVING count(*) > {limit}",
        "reports",
        "jdbc",
        "reports",
    ),
    "point_lookup": Text(
        "SELECT id, name, segment, credit FROM sales.customers WHERE id = {customer}",
        "shop",
        "jdbc",
        "interactive",
    ),
    "ingest": Text(
        "INSERT INTO web.events SELECT visitor, kind, path, status, day FROM staging.events WHERE batch = {customer} "
        "AND day = DATE '{day}'",
        "pipeline",
        "airflow",
        "etl",
        "INSERT",
    ),
    "nightly_load": Text(
        "INSERT INTO mart.daily_sales SELECT o.day, o.region, p.category, sum(o.amount), count(DISTINCT o.customer) "
        "FROM sales.orders o JOIN sales.order_lines l ON l.invoice = o.invoice JOIN sales.products p ON p.id = l.product "
        "WHERE o.day = DATE '{day}' AND mod(o.customer, 64) = {number} GROUP BY o.day, o.region, p.category",
        "pipeline",
        "airflow",
        "etl",
        "INSERT",
    ),
    "rollup": Text(
        "SELECT r.region, r.category, sum(r.amount), approx_percentile(r.amount, 0.95) FROM mart.daily_sales r "
        "WHERE r.day > DATE '{day}' - INTERVAL '28' DAY GROUP BY ROLLUP (r.region, r.category)",
        "reports",
        "dbt",
        "reports",
    ),
    "sessions": Text(
        "SELECT visitor, count(*) FROM (SELECT visitor, created - lag(created) OVER (PARTITION BY visitor ORDER BY created) "
        "AS pause FROM web.events WHERE day = DATE '{day}') s WHERE s.pause > INTERVAL '{limit}' MINUTE GROUP BY visitor",
        "analyst",
        "jupyter",
        "interactive",
    ),
    "metadata": Text(
        "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'sales' "
        "AND table_name = 'orders_{number}'",
        "dashboards",
        "superset",
        "interactive",
    ),
    "features": Text(
        "CREATE TABLE ml.features_run AS SELECT customer, avg(amount) AS mean, stddev(amount) AS spread, max(day) AS newest "
        "FROM sales.orders WHERE day >= DATE '{day}' AND region IN ('{region}', 'all') GROUP BY customer",
        "scientist",
        "jupyter",
        "science",
        "INSERT",
    ),
    "training_scan": Text(
        "SELECT * FROM ml.examples TABLESAMPLE BERNOULLI (20) WHERE fold <> {number} AND day < DATE '{day}'",
        "scientist",
        "jdbc",
        "science",
    ),
    "compaction": Text(
        "ALTER TABLE web.events EXECUTE optimize(file_size_threshold => '{limit}MB') WHERE day = DATE '{day}'",
        "pipeline",
        "airflow",
        "etl",
        "ALTER_TABLE_EXECUTE",
    ),
}


def text_of(name: str) -> Text:
    """Return how queries of a class are asked."""
    return _TEXTS[name]


def filled(template: str, ts: float, draws: Sequence[float]) -> str:
    """Fill a text with literals.

    Parameters
    ----------
    template : str
    ts : float
        When it is asked, epoch seconds; days are near it.
    draws : sequence of float
        Four numbers from 0 to 1.

    Examples
    --------
    >>> filled("WHERE id = {customer} AND day = DATE '{day}'", 1767571200.0, (0.5, 0.25, 0.0, 0.0))
    "WHERE id = 2500000 AND day = DATE '2026-01-04'"
    """
    day = datetime.fromtimestamp(ts, UTC).date() - timedelta(days=1 + int(27.0 * draws[2]))
    return template.format(
        day=day,
        end=day + timedelta(days=1 + int(6.0 * draws[3])),
        number=int(draws[0] * 64.0),
        customer=int(draws[1] * 10_000_000.0),
        region=_REGIONS[int(draws[2] * len(_REGIONS))].replace("'", "''"),
        limit=10 + int(draws[3] * 90.0),
    )
