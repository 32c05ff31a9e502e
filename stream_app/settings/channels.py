"""Channels of routes by name: built-in ones, and those of other packages by the entry points ``streamgauge.channels``."""

from functools import cache
from typing import Annotated, Any, Self, TypeAlias
from urllib.parse import urlsplit

from pydantic import (
    BeforeValidator,
    ConfigDict,
    SecretStr,
    SerializeAsAny,
    model_validator,
)

from stream_app.errors import SettingsError
from stream_app.settings.registry import Registry
from stream_app.settings.secrets import one_secret
from stream_app.settings.table import FileName, Table

__all__ = [
    "CHANNEL_GROUP",
    "AlertmanagerChannel",
    "AnyRouteChannel",
    "AppriseChannel",
    "RouteChannel",
    "WebhookChannel",
    "channel_names",
    "load_channel",
]

CHANNEL_GROUP = "streamgauge.channels"
"""Entry-point group of channels that other packages offer; see `stream_app.routes.ChannelKind`."""


_SHORTEST_SECRET = 16


def _said_once(name: str, value: SecretStr | None, path: str | None) -> None:
    if value is not None and path is not None:
        raise ValueError(f"{name} and {name}_file are both set; leave one out")


def _secret(name: str, value: SecretStr | None, path: str | None) -> str | None:
    try:
        secret = one_secret(name, value, path)
    except ValueError as error:
        raise SettingsError(str(error)) from None
    return None if secret is None else secret.get_secret_value()


class RouteChannel(Table):
    """Where a route sends its messages: the base of the settings of each channel.

    Files of secrets are read when the channel is opened: workers need not be able to read them.

    Parameters
    ----------
    kind : str
        Name of the channel; its default is that of the model.
    url, url_file : text
        The address, as a value or in a file; it is a secret, since many hold a password or token.
    """

    # The input of an error may hold a secret.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    kind: str
    url: SecretStr | None = None
    url_file: FileName | None = None

    @model_validator(mode="after")
    def _has_url(self) -> Self:
        _said_once("url", self.url, self.url_file)
        if self.url is None and self.url_file is None:
            raise ValueError("url or url_file is needed")
        if self.url is not None:
            self.check_url(self.url.get_secret_value())
        return self

    def check_url(self, url: str) -> None:
        """See that an address can be one of this channel.

        Raises
        ------
        ValueError
            If it cannot; does not quote it.
        """

    @property
    def address(self) -> str:
        """The address, from wherever it is set; never log it.

        Raises
        ------
        SettingsError
            If its file cannot be used.
        """
        address = _secret("url", self.url, self.url_file) or ""
        try:
            self.check_url(address)
        except ValueError as error:
            raise SettingsError(f"url_file: {error}") from None
        return address

    @property
    def shown(self) -> str:
        """What may be said of the address: scheme, host and port. Raises as `address`."""
        parts = urlsplit(self.address)
        return f"{parts.scheme}://{parts.hostname or ''}" + (f":{parts.port}" if parts.port else "")


class _HttpChannel(RouteChannel):
    """A channel that sends requests by HTTP.

    Parameters
    ----------
    token, token_file : text
        Shown as `Authorization: Bearer …`; as a value or in a file.
    ca_file : str, optional
        The only authority to trust; those of the system by default.
    """

    token: SecretStr | None = None
    token_file: FileName | None = None
    ca_file: FileName | None = None

    def check_url(self, url: str) -> None:
        """See that it is an address of HTTP."""
        try:
            parts = urlsplit(url)
            whole = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
        except ValueError:
            whole = False
        if not whole or not url.isprintable() or " " in url:
            raise ValueError("url: expected http://HOST:PORT/PATH or https://…")

    @model_validator(mode="after")
    def _has_one_token(self) -> Self:
        _said_once("token", self.token, self.token_file)
        return self

    @property
    def bearer(self) -> str | None:
        """The token, from wherever it is set; never log it.

        Raises
        ------
        SettingsError
            If its file cannot be used, or it cannot be sent.
        """
        token = _secret("token", self.token, self.token_file)
        if token is not None and not token.isascii():
            raise SettingsError("token: only ASCII can be sent")
        return token


class AlertmanagerChannel(_HttpChannel):
    """Settings of a channel to Alertmanager, version 2 of its API; `url` is its address without a path.

    Parameters
    ----------
    kind : str
        ``alertmanager``.
    """

    kind: str = "alertmanager"


class WebhookChannel(_HttpChannel):
    """Settings of a channel that posts CloudEvents.

    Parameters
    ----------
    kind : str
        ``webhook``.
    secret, secret_file : text
        Signs each request as Standard Webhooks has it, 16 characters or more; as a value or in a file. After `whsec_` it is base64.
    """

    kind: str = "webhook"
    secret: SecretStr | None = None
    secret_file: FileName | None = None

    @model_validator(mode="after")
    def _has_one_secret(self) -> Self:
        _said_once("secret", self.secret, self.secret_file)
        return self

    @property
    def signing_secret(self) -> str | None:
        """The secret, from wherever it is set; never log it.

        Raises
        ------
        SettingsError
            If its file cannot be used, or it is too short.
        """
        secret = _secret("secret", self.secret, self.secret_file)
        if secret is not None and len(secret) < _SHORTEST_SECRET:
            raise SettingsError(
                f"secret needs {_SHORTEST_SECRET} characters or more; `openssl rand -hex 32` makes one"
            )
        return secret


class AppriseChannel(RouteChannel):
    """Settings of a channel by Apprise: mail, Slack, Teams, Telegram, Matrix, ntfy and a hundred others, by its `url`.

    Parameters
    ----------
    kind : str
        ``apprise``.
    """

    kind: str = "apprise"

    @property
    def shown(self) -> str:
        """What may be said of the address: the service alone, since any other part may be a token."""
        return f"{self.address.partition(':')[0]}://"


_CHANNELS = Registry(
    noun="channel",
    unknown="no such channel",
    group=CHANNEL_GROUP,
    ours={
        "alertmanager": "stream_app.routes.alertmanager:ALERTMANAGER",
        "webhook": "stream_app.routes.webhook:WEBHOOK",
        "apprise": "stream_app.routes.apprise:APPRISE",
    },
    expected="stream_app.routes.ChannelKind",
    model=RouteChannel,
)


def channel_names() -> tuple[str, ...]:
    """Return the names of all channels.

    Examples
    --------
    >>> channel_names()[:3]
    ('alertmanager', 'webhook', 'apprise')
    """
    return _CHANNELS.names()


@cache
def load_channel(name: str) -> Any:
    """Return the `stream_app.routes.ChannelKind` of a name; ours win over those of other packages.

    Raises
    ------
    KeyError
        If there is none.
    PluginError
        If it cannot be imported, or is no channel.
    """
    return _CHANNELS.load(name)


def _parse(value: Any) -> Any:
    return _CHANNELS.parse(value, load_channel)


AnyRouteChannel: TypeAlias = Annotated[SerializeAsAny[RouteChannel], BeforeValidator(_parse)]
"""A channel of any kind."""
