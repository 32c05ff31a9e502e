"""Channel to Alertmanager, version 2 of its API: an alert there for each incident, so that its grouping and routing work."""

import time
from typing import Any

import msgspec

from stream_app.events.cloudevent import rfc3339
from stream_app.routes.channel import Channel, ChannelKind, Text
from stream_app.routes.message import Message, News, Telling
from stream_app.settings import AlertmanagerChannel

__all__ = ["ALERTMANAGER"]

_REPEAT_SECONDS = 240.0
_AT_ONCE = 500


class Alertmanager:
    """Posts incidents as alerts.

    Labels identify an alert in Alertmanager. An incident that gets worse is another alert there, and the one of the severity before
    ends in the same request.

    Parameters
    ----------
    settings : AlertmanagerChannel
        Where to.
    """

    def __init__(self, settings: AlertmanagerChannel) -> None:
        from stream_app.routes.http import HttpSender  # noqa: PLC0415 settings are read without it

        self._url = f"{settings.address.rstrip('/')}/api/v2/alerts"
        self._http = HttpSender(settings.shown, bearer=settings.bearer, ca_file=settings.ca_file)

    async def send(self, message: Message, text: Text) -> None:
        """Post a message; see `Channel`."""
        del text  # Alertmanager has templates of its own
        now = time.time()
        alerts = [alert for telling in message.tellings for alert in _alerts(telling, now)]
        body = msgspec.json.encode(alerts)
        await self._http.post(
            self._url, body, {"Content-Type": "application/json", "webhook-id": message.key}
        )

    async def close(self) -> None:
        """Disconnect."""
        await self._http.close()


def _alerts(telling: Telling, now: float) -> list[dict[str, Any]]:
    incident = telling.incident
    # Alertmanager refuses an alert that begins after it ends, and event times may be ahead of its clock.
    begin = min(float(incident["started_at"]), now - 1.0)
    end = now + 2 * _REPEAT_SECONDS if telling.firing else now
    alert = {
        "labels": _labels(telling, telling.severity),
        "annotations": _annotations(telling),
        "startsAt": rfc3339(begin),
        "endsAt": rfc3339(end),
    }
    if telling.link:
        alert["generatorURL"] = telling.link
    if telling.news is not News.WORSE:
        return [alert]
    return [alert | {"labels": _labels(telling, telling.before), "endsAt": rfc3339(now)}, alert]


def _labels(telling: Telling, severity: str) -> dict[str, str]:
    incident = telling.incident
    return telling.labels | {
        "alertname": "StreamgaugeIncident",
        "incident": incident["id"],
        "stream": incident["stream"],
        "source": incident["source"],
        "severity": severity,
    }


def _annotations(telling: Telling) -> dict[str, str]:
    incident = telling.incident
    found = {"summary": incident["summary"]}
    if incident.get("explanation"):
        found["description"] = incident["explanation"]
    if incident["channels"]:
        found["channels"] = ", ".join(f"{name} {share:.0%}" for name, share in incident["channels"])
    if incident["found_by"]:
        found["found_by"] = ", ".join(f"{detector} ({name})" for detector, name in incident["found_by"])
    if telling.acknowledged_by:
        found["acknowledged_by"] = telling.acknowledged_by
    return found


def _open(settings: AlertmanagerChannel) -> Channel:
    return Alertmanager(settings)


ALERTMANAGER = ChannelKind(
    settings=AlertmanagerChannel,
    open=_open,
    told_at_once=_AT_ONCE,
    listed=_AT_ONCE,
    repeat_seconds=_REPEAT_SECONDS,
)
"""Each incident is an alert there, kept alive by repeats."""
