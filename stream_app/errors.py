"""The errors of Streamgauge. Every message says what was wrong, where, and what to do."""

__all__ = [
    "BadBatchError",
    "BrokerError",
    "BrokerUnavailableError",
    "DataError",
    "DeliveryError",
    "FencedError",
    "MissingExtraError",
    "ModelRegistryError",
    "ModelRegistryUnavailableError",
    "OldStateError",
    "PluginError",
    "RegistryError",
    "RegistryUnavailableError",
    "SettingsError",
    "SourceError",
    "StateError",
    "StoreError",
    "StoreUnavailableError",
    "StreamgaugeError",
    "UnknownFeatureError",
    "UnusableModelError",
]


class StreamgaugeError(Exception):
    """Base of all errors raised on purpose; the command line prints its message on one line and exits with 1."""


class SettingsError(StreamgaugeError):
    """A setting or the monitor file is wrong; names the key, the value's problem and what was expected."""


class MissingExtraError(StreamgaugeError):
    """A library of an optional extra is not installed; the command line exits with 2.

    Parameters
    ----------
    need : str
        What needs the library, as the subject of a sentence.
    library : str
        Name of the library.
    extra : str
        The extra of Streamgauge that has it.
    otherwise : str
        What can be done instead of installing it; empty where nothing can.

    Examples
    --------
    >>> raise MissingExtraError("pictures need", "matplotlib", "report")
    Traceback (most recent call last):
    stream_app.errors.MissingExtraError: pictures need matplotlib; install it in a checkout of Streamgauge: pip install '.[report]'
    """

    def __init__(self, need: str, library: str, extra: str, *, otherwise: str = "") -> None:
        alternative = f"; or {otherwise}" if otherwise else ""
        super().__init__(
            f"{need} {library}; install it in a checkout of Streamgauge: pip install '.[{extra}]'{alternative}"
        )


class PluginError(StreamgaugeError):
    """A detector or kind of stream from outside cannot be imported, made or run; names it and what is wrong with it."""


class DataError(StreamgaugeError):
    """An event, a batch or a parameter cannot be used; says which and why."""


class BadBatchError(DataError):
    """A batch on Kafka cannot be read: damaged, too large when decompressed, or in a format that is not known.

    Parameters
    ----------
    topic, partition
        Where it is.
    first, last : int
        Its offsets.
    size : int
        Its bytes on Kafka.
    reason : str
        What is wrong with it.
    """

    def __init__(self, topic: str, partition: int, first: int, last: int, size: int, reason: str) -> None:
        self.topic, self.partition, self.first, self.last, self.size = topic, partition, first, last, size
        self.reason = reason
        super().__init__(
            f"{topic}/{partition}: the batch of the offsets {first} to {last} ({size} bytes) cannot be read: {reason}"
        )


class UnknownFeatureError(DataError):
    """A feature view, version or feature that does not exist was asked for; names those that come nearest."""


class SourceError(StreamgaugeError):
    """A source of events (file, data set) cannot be read; names the file and the line where there is one."""


class BrokerError(StreamgaugeError):
    """The broker cannot be reached or refuses; names the address or topic."""


class BrokerUnavailableError(BrokerError):
    """The broker cannot be reached now; what was asked of it may succeed later."""


class RegistryError(StreamgaugeError):
    """The schema registry refuses, or a schema cannot be used; names the address and the schema."""


class RegistryUnavailableError(RegistryError):
    """The schema registry does not answer now; what was asked of it may succeed later."""


class ModelRegistryError(StreamgaugeError):
    """The registry of models refuses, or has no such model or version; names the registry and what was asked of it."""


class ModelRegistryUnavailableError(ModelRegistryError):
    """The registry of models does not answer now, or is locked; what was asked of it may succeed later."""


class UnusableModelError(ModelRegistryError):
    """A registered model cannot be kept, loaded or used: half-written, damaged, of other classes or features."""


class StoreError(StreamgaugeError):
    """Redis cannot be reached or refuses a write; names the address and the reason."""


class StoreUnavailableError(StoreError):
    """Redis cannot be reached now, or is still loading; what was asked of it may succeed later."""


class DeliveryError(StreamgaugeError):
    """A message of a route did not arrive; it is sent again.

    Parameters
    ----------
    reason : str
        Why, without any secret.
    retry_after : float or None
        Seconds after which the receiver wants to be asked again, where it says so.
    """

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class FencedError(StoreError):
    """Another worker owns the partition now; this one must not write any more."""


class StateError(StreamgaugeError):
    """A stored state is of another version, damaged or forged; names the key."""


class OldStateError(StateError):
    """A stored state is of an older version; a worker may be told to start it cold."""
