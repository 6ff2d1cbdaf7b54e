"""Where the broker is: the URLs that every command takes. Pure but for looking at the CA file.

======================================  ===============================================================
``embedded://``                         a broker in this process, 127.0.0.1:1883
``embedded://:0``                       the same, on any free port
``mqtt://[user:password@]host[:port]``  plaintext, port 1883; off this computer only with ``?plaintext=yes``
``mqtts://...``                         TLS, port 8883; ``?ca=FILE`` trusts that CA instead of the system's
======================================  ===============================================================

User and password are percent-decoded. A password never appears in ``repr``, logs or errors.
"""

from __future__ import annotations

import ipaddress
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from eccentra.errors import SinkError

__all__ = ["MqttAddress", "is_loopback", "parse_url", "redacted"]

_PORTS = {"mqtt": 1883, "mqtts": 8883, "embedded": 1883}
_OPTIONS = {"mqtt": {"plaintext"}, "mqtts": {"ca"}, "embedded": set[str]()}

_Refuse = Callable[[str], SinkError]


@dataclass(frozen=True, kw_only=True, slots=True)
class MqttAddress:
    """A broker's address, checked."""

    scheme: str
    host: str
    port: int
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca: Path | None = None

    @property
    def embedded(self) -> bool:
        """True when the broker is to be started in this process."""
        return self.scheme == "embedded"

    @property
    def tls(self) -> bool:
        """True when the connection is encrypted."""
        return self.scheme == "mqtts"

    def __str__(self) -> str:
        """Give the URL without user and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    def tls_context(self) -> ssl.SSLContext:
        """TLS settings: certificate and host name are always checked."""
        try:
            return ssl.create_default_context(cafile=self.ca)
        except OSError as error:
            raise SinkError(
                str(self), f"cannot read the CA file {self.ca}: {error}; give a PEM file"
            ) from None


def redacted(url: str) -> str:
    """Hide whatever may be a user and password, also in URLs that cannot be parsed."""
    return re.sub(r"^(\w*:?//)?.*@", r"\1***@", url, flags=re.DOTALL)


def is_loopback(host: str) -> bool:
    """Tell whether a host is this computer, without asking a name server."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def parse_url(url: str) -> MqttAddress:
    """Check a broker URL.

    Raises
    ------
    SinkError
        With the URL (without password), what is wrong with it, and what to write instead.
    """

    def refuse(problem: str) -> SinkError:
        return SinkError(redacted(url), problem)

    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise refuse("not a URL; a port is a number from 0 to 65535, an IPv6 address stands in [ ]") from None
    if parts.scheme not in _PORTS:
        raise refuse("use embedded://, mqtt://host or mqtts://host")
    if parts.fragment or parts.path.strip("/"):
        raise refuse(
            "nothing may follow host and port but ?options; write # / ? @ : in a password as %23 %2F ..."
        )
    options = _options(parts, refuse)
    host = _host(parts, refuse)
    user, password = _credentials(parts, refuse)
    if port == 0 and parts.scheme != "embedded":
        raise refuse("port 0 is for embedded:// only; give the broker's port")
    if parts.scheme == "mqtt" and not is_loopback(host) and options.get("plaintext") != "yes":
        raise refuse(
            "mqtt:// to another computer sends results and password unencrypted; use mqtts://, "
            "or add ?plaintext=yes if the network may read them"
        )
    ca = Path(options["ca"]).expanduser() if "ca" in options else None
    if ca is not None and not ca.is_file():
        raise refuse(f"the CA file {ca} does not exist; give the path of a PEM file after ?ca=")
    return MqttAddress(
        scheme=parts.scheme,
        host=host,
        port=_PORTS[parts.scheme] if port is None else port,
        user=user,
        password=password,
        ca=ca,
    )


def _options(parts: SplitResult, refuse: _Refuse) -> dict[str, str]:
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    allowed = _OPTIONS[parts.scheme]
    for name, value in options.items():
        if name not in allowed:
            known = ", ".join(f"?{each}=" for each in sorted(allowed)) or "none"
            raise refuse(f"unknown option {name!r}; {parts.scheme}:// knows: {known}")
        if name == "plaintext" and value not in ("yes", "no"):
            raise refuse("?plaintext= is yes or no")
    return options


def _host(parts: SplitResult, refuse: _Refuse) -> str:
    host = parts.hostname or ""
    if parts.scheme == "embedded":
        if host and not is_loopback(host):
            raise refuse(
                "the embedded broker serves this computer only; use a broker such as Mosquitto for others"
            )
        return "127.0.0.1"
    if not host:
        raise refuse("the host is missing: mqtt://HOST or mqtts://HOST")
    try:
        # The resolver encodes the same way; what fails here would fail later in the network thread.
        host.encode("idna")
    except UnicodeError:
        raise refuse(f"{host!r} cannot be a host name") from None
    return host


def _credentials(parts: SplitResult, refuse: _Refuse) -> tuple[str | None, str | None]:
    user = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password is not None else None
    if password is not None and user is None:
        raise refuse("there is a password without a user; write user:password@host")
    if user is not None and parts.scheme == "embedded":
        raise refuse("the embedded broker has no users; leave user and password out")
    return user, password
