"""Names of the keys."""

import re
import string
from collections.abc import Sequence
from dataclasses import dataclass

from stream_app.settings.deployment import DEFAULT_KEYS

__all__ = ["Keys", "are_plain"]

_PLAIN = f"{string.ascii_letters}{string.digits}_.-".encode()
"""Characters that stand in a key as they are, those of other alphabets apart."""

_SAFE = re.compile(r"[\w.-]*").fullmatch
"""Of what is quoted below, nothing; most names are such, and a look at the whole is quicker than one at each character."""


def are_plain(names: Sequence[str]) -> bool:
    """Return whether names stand in keys as they are; a look at all together takes a tenth of one at each.

    Examples
    --------
    >>> are_plain(["17850", "pump-1"]), are_plain(["17850", "pump 1"])
    (True, False)
    """
    letters = "".join(names)
    return letters.isascii() and not letters.encode().translate(None, _PLAIN)


def _quoted(part: str) -> str:
    """Make a name safe as part of a key: separators, braces, blanks and control characters are percent-encoded."""
    if _SAFE(part):
        return part
    return "".join(
        c if c.isalnum() or c in "-_." else "".join(f"%{byte:02X}" for byte in c.encode()) for c in part
    )


@dataclass(frozen=True, slots=True)
class Keys:
    """All keys of one deployment.

    `prefix` is its name, which a colon ends: no deployment's keys are among those of another. On a cluster the prefix is a hash tag (in braces), and so all keys are in one slot, as the scripts need; see `cluster`.

    Examples
    --------
    >>> Keys().features("sensors", 1, "pump 1"), Keys().offsets("worker", "sensor.readings", 0)
    ('sg:features:sensors:v1:pump%201', 'sg:{worker:sensor.readings:0}:position')
    """

    prefix: str = DEFAULT_KEYS

    @property
    def owner(self) -> str:
        """Name of the deployment; empty for the one without a name."""
        name = self.prefix.strip("{}")
        return "" if name == DEFAULT_KEYS else name

    @property
    def deployment(self) -> str:
        """What the workers of this deployment read (hash)."""
        return f"{self.prefix}:deployment"

    def features(self, view: str, version: int, entity: str) -> str:
        """Live features of one entity: of a sensor's source (hash), or the log of a session's entity (string)."""
        return f"{self.prefix}:features:{_quoted(view)}:v{version}:{_quoted(entity)}"

    def history(self, stream: str, source: str) -> str:
        """History of one source for charts (string)."""
        return f"{self.prefix}:history:{_quoted(stream)}:{_quoted(source)}"

    def platform(self, stream: str, source: str) -> str:
        """Snapshot of one platform for the page (hash)."""
        return f"{self.prefix}:platform:{_quoted(stream)}:{_quoted(source)}"

    def platforms(self, stream: str) -> str:
        """Platforms of a stream by the time of their last event (sorted set)."""
        return f"{self.prefix}:platforms:{_quoted(stream)}"

    def quoted(self, entities: Sequence[str]) -> Sequence[str]:
        """Return how entities stand at the end of their keys, for whoever makes hundreds of them."""
        if are_plain(entities):
            return entities
        return [_quoted(entity) for entity in entities]

    def entities(self, view: str) -> str:
        """Entities of a view by the time of their last event (sorted set)."""
        return f"{self.prefix}:entities:{_quoted(view)}"

    def view_entities(self, view: str, version: int) -> str:
        """Entities of one version of a feature view by the time of their newest event (sorted set)."""
        return f"{self.entities(view)}:v{version}"

    @property
    def view_names(self) -> str:
        """Names of the registered feature views (set)."""
        return f"{self.prefix}:views"

    def view(self, name: str) -> str:
        """Versions of a feature view that are registered (hash)."""
        return f"{self.prefix}:views:{_quoted(name)}"

    @property
    def stale_views(self) -> str:
        """Alerts that are firing about feature views without events (hash)."""
        return f"{self.prefix}:views:stale:alerts"

    @property
    def skewed_features(self) -> str:
        """Alerts that are firing about features unlike their training set (hash)."""
        return f"{self.prefix}:views:skewed:alerts"

    @property
    def alerts(self) -> str:
        """Beginnings and ends of alerts, newest last (stream)."""
        return f"{self.prefix}:alerts"

    @property
    def firing(self) -> str:
        """Alerts that are firing, by their beginning (sorted set)."""
        return f"{self.prefix}:alerts:firing"

    @property
    def live_channel(self) -> str:
        """Where alerts are announced (pub/sub)."""
        return f"{self.prefix}:alerts:live"

    def alert(self, alert_id: str) -> str:
        """One alert (hash)."""
        return f"{self.prefix}:alert:{alert_id}"

    @property
    def firing_incidents(self) -> str:
        """Incidents that are firing, by their beginning (sorted set)."""
        return f"{self.prefix}:incidents:firing"

    def incident(self, incident_id: str) -> str:
        """One incident, and what people said about it (hash)."""
        return f"{self.prefix}:incident:{incident_id}"

    def incident_alerts(self, incident_id: str) -> str:
        """Alerts of one incident, by their beginning (sorted set)."""
        return f"{self.incident(incident_id)}:alerts"

    @property
    def verdicts(self) -> str:
        """What people said of incidents, whether there was something, by incident (hash)."""
        return f"{self.prefix}:incidents:verdicts"

    @property
    def doubted(self) -> str:
        """Which detectors are doubted in which channel, 1 or 0, by stream, detector and channel as JSON (hash)."""
        return f"{self.prefix}:incidents:doubted"

    @property
    def deeds(self) -> str:
        """Audit records of what people did that the audit log does not have yet, oldest first (list)."""
        return f"{self.prefix}:incidents:deeds"

    @property
    def raised(self) -> str:
        """How often verdicts halved what a detector may spend of its budget, by stream and detector as JSON (hash)."""
        return f"{self.prefix}:incidents:raised"

    def references(self, stream: str) -> str:
        """Versions of the reference of a stream, and which one it has (hash)."""
        return f"{self.prefix}:references:{_quoted(stream)}"

    def reference(self, stream: str, version: str) -> str:
        """Rows of one version of the reference of a stream (string)."""
        return f"{self.references(stream)}:{_quoted(version)}"

    def calibrations(self, topic: str) -> str:
        """By which reference and thresholds each partition of a topic is judged, by group and partition (hash)."""
        return f"{self.prefix}:calibrations:{_quoted(topic)}"

    @property
    def silences(self) -> str:
        """What people silenced, by id (hash)."""
        return f"{self.prefix}:incidents:silences"

    @property
    def dead_routes(self) -> str:
        """Alerts that are firing about routes whose messages do not arrive (hash)."""
        return f"{self.prefix}:routes:dead:alerts"

    def route_lease(self, route: str) -> str:
        """Notifier that sends the messages of a route (string)."""
        return f"{self.prefix}:route:{_quoted(route)}:lease"

    def route_message(self, route: str) -> str:
        """Message of a route that is on its way (string)."""
        return f"{self.prefix}:route:{_quoted(route)}:message"

    def route_due(self, route: str) -> str:
        """Name the groups of a route, by when they are looked at next (sorted set)."""
        return f"{self.prefix}:route:{_quoted(route)}:due"

    def route_group(self, route: str, group: str) -> str:
        """Incidents of a group of a route, and a count of what came for it (hash)."""
        return f"{self.prefix}:route:{_quoted(route)}:group:{_quoted(group)}"

    def route_told(self, route: str, incident_id: str) -> str:
        """Name the last that a route told of an incident (string)."""
        return f"{self.prefix}:route:{_quoted(route)}:told:{_quoted(incident_id)}"

    def retraining_lease(self, name: str) -> str:
        """Process that acts upon the retraining triggers of a registered model (string)."""
        return f"{self.prefix}:retraining:{_quoted(name)}:lease"

    def notice(self, notice_id: str) -> str:
        """One retraining trigger or audit record that was recorded (string)."""
        return f"{self.prefix}:notice:{notice_id}"

    def offsets(self, group: str, topic: str, partition: int) -> str:
        """Epoch, owner and next offset of one partition (hash)."""
        return f"{self._partition(group, topic, partition)}:position"

    def state(self, group: str, topic: str, partition: int) -> str:
        """State of the sources of one partition (hash)."""
        return f"{self._partition(group, topic, partition)}:state"

    def seen(self, group: str, topic: str, partition: int) -> str:
        """When the sources of one partition were seen last (hash)."""
        return f"{self._partition(group, topic, partition)}:seen"

    def staged(self, group: str, topic: str, partition: int) -> str:
        """Parts of a large checkpoint that is being written (hash)."""
        return f"{self._partition(group, topic, partition)}:staged"

    def outbox(self, group: str, topic: str, partition: int) -> str:
        """Alerts and notices of one partition that are not published yet, oldest first (stream)."""
        return f"{self._partition(group, topic, partition)}:outbox"

    def _partition(self, group: str, topic: str, partition: int) -> str:
        return f"{self.prefix}:{{{_quoted(group)}:{_quoted(topic)}:{partition}}}"
