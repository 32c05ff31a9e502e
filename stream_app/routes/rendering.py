"""Messages in words: Jinja2 templates in a sandbox."""

import logging
from datetime import UTC, datetime
from typing import Any

from stream_app.errors import MissingExtraError, SettingsError
from stream_app.routes.channel import Text
from stream_app.routes.message import Message, Telling
from stream_app.settings import RouteSettings
from stream_app.settings.durations import format_duration
from stream_app.text import printable

try:
    import jinja2
    from jinja2.sandbox import ImmutableSandboxedEnvironment
except ImportError:
    raise MissingExtraError("routes need", "jinja2", "routes") from None

__all__ = ["Renderer"]

_log = logging.getLogger(__name__)

_LONGEST_SUBJECT, _LONGEST_BODY = 250, 20_000

_SUBJECT = """\
{% if test %}Test of route {{ route }}: {% endif -%}
{% set one = incidents[0] -%}
{% if incidents | length == 1 and not left_out -%}
[{{ one.severity if one.firing else "over" }}] {{ one.stream }}/{{ one.source }}: {{ one.summary }}, \
{{ "since " ~ one.since if one.firing else "lasted " ~ one.lasted }}
{%- else -%}
[{{ severity if one.firing else "over" }}] {{ group.values() | join(", ") or route }}: {{ told }}; \
first {{ one.stream }}/{{ one.source }}: {{ one.summary }}, since {{ one.since }}
{%- endif %}
"""

_BODY = """\
{% if test %}This is a test of the route {{ route }}: nothing is wrong.

{% endif -%}
{{ told }}; {{ firing }} firing.
{% for one in incidents %}

{{ words[one.news] }}, {{ one.severity }}: {{ one.stream }}/{{ one.source }}
  {{ one.summary }}
  since {{ one.since }}{% if not one.firing %}, lasted {{ one.lasted }}{% endif %}, {{ one.alerts }} alert{{ "" if one.alerts == 1 else "s" }}
{% if one.channels %}
  blamed: {% for name, share in one.channels %}{{ name }} {{ "%.0f" % (share * 100) }} %{{ "" if loop.last else ", " }}{% endfor %}

{% endif %}
{% if one.explanation %}
  {{ one.explanation }}
{% endif %}
{% if one.found_by %}
  found by: {{ one.found_by | map("first") | unique | join(", ") }}
{% endif %}
{% if one.acknowledged_by %}
  acknowledged by {{ one.acknowledged_by }}
{% endif %}
{% if one.link %}
  {{ one.link }}
{% endif %}
{% endfor %}
{% if left_out %}

and {{ left_out }} more
{% endif %}
"""

_WORDS = {
    "began": "New",
    "worse": "Worse",
    "again": "Still firing",
    "over": "Over",
    "passed": "Began and ended",
}


class Renderer:
    """Writes the messages of a route.

    Parameters
    ----------
    name : str
        Name of the route, for messages.
    settings : RouteSettings
        Its templates, where it has some.

    Raises
    ------
    SettingsError
        If a template is none, or cannot be used for a message.
    """

    def __init__(self, name: str, settings: RouteSettings) -> None:
        environment = ImmutableSandboxedEnvironment(
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            autoescape=False,
        )
        self._name = name
        self._default = environment.from_string(_SUBJECT), environment.from_string(_BODY)
        templates = []
        for key, text, default in zip(
            ("subject", "body"), (settings.subject, settings.body), self._default, strict=True
        ):
            try:
                templates.append(default if text is None else environment.from_string(text))
            except jinja2.TemplateSyntaxError as error:
                raise SettingsError(f"routes.{name}.{key}: line {error.lineno}: {error.message}") from None
        self._own = templates[0], templates[1]

    def check(self, message: Message) -> None:
        """See that the templates can be used for a message.

        Raises
        ------
        SettingsError
            If one fails; names the route and the reason.
        """
        values = _values(message)
        for key, template in zip(("subject", "body"), self._own, strict=True):
            try:
                template.render(values)
            except Exception as error:  # noqa: BLE001 a template may raise anything
                raise SettingsError(f"routes.{self._name}.{key}: {type(error).__name__}: {error}") from None

    def text(self, message: Message) -> Text:
        """Write a message; where a template fails, by the default one, so that it arrives."""
        values = _values(message)
        try:
            subject, body = (template.render(values) for template in self._own)
        except Exception as error:  # noqa: BLE001 as above
            _log.warning("routes.%s: a template fails, and the default one is used: %s", self._name, error)
            subject, body = (template.render(values) for template in self._default)
        line = printable(" ".join(subject.split()))
        return Text(_cut(line, _LONGEST_SUBJECT), _cut(body.strip(), _LONGEST_BODY))


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _values(message: Message) -> dict[str, Any]:
    """Return what templates may use: names, times and texts that are safe to print."""
    incidents = [_incident(telling) for telling in message.tellings]
    firing = [one["severity"] for one in incidents if one["firing"]]
    order = ("critical", "warning", "info")
    return {
        "route": message.route,
        "group": _clean(message.group),
        "test": message.test,
        "counts": message.counts,
        "told": ", ".join(f"{count} {_SAID[news]}" for news, count in message.counts.items()),
        "firing": message.firing,
        "left_out": message.left_out,
        "severity": min(firing, key=order.index) if firing else "over",
        "incidents": incidents,
        "words": _WORDS,
    }


_SAID = {
    "began": "new",
    "worse": "worse",
    "again": "still firing",
    "over": "over",
    "passed": "began and ended",
}


def _incident(telling: Telling) -> dict[str, Any]:
    incident = telling.incident
    begin, end = float(incident["started_at"]), float(incident["changed_at"])
    # Incidents that an earlier version wrote have no explanation.
    values = (
        {"explanation": ""}
        | incident
        | {
            "news": telling.news.value,
            "firing": telling.firing,
            "severity": telling.severity,
            "before": telling.before,
            "since": _instant(begin),
            "lasted": format_duration(end - begin),
            "labels": telling.labels,
            "acknowledged_by": telling.acknowledged_by,
            "link": telling.link,
        }
    )
    return {name: _clean(value) for name, value in values.items()}


def _instant(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _clean(value: Any) -> Any:
    """Spell out what is not printable in all texts: it might add a line to a mail's head."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {_clean(key): _clean(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(part) for part in value]
    return value
