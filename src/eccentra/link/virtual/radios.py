"""Where an emulated sensor gets a radio from: the in-memory air, or a real controller spoken to by HCI."""

from __future__ import annotations

from typing import Protocol

from bumble import hci
from bumble.core import BaseBumbleError
from bumble.device import Device, DeviceConfiguration
from bumble.transport import open_transport
from bumble.transport.common import Transport

from eccentra.errors import InputError

__all__ = ["HciRadio", "HciTransport", "Radio", "RadioSource"]


class Radio(Protocol):
    """One powered radio."""

    @property
    def device(self) -> Device:
        """Bumble's device on it, not advertising yet."""
        ...

    async def silence(self, noticed_s: float | None) -> None:
        """Leave the air for good without a word."""
        ...


class RadioSource(Protocol):
    """Gives out radios."""

    async def attach(self, name: str, address: str, *, advertise_every_s: float = 0.1) -> Radio:
        """A new powered radio under the random static ``address``."""
        ...


class HciTransport:
    """A Bluetooth controller that Bumble can open, such as ``usb:0`` or ``serial:/dev/ttyACM0,1000000``.

    Every radio is a connection of its own, so a controller that is a real chip serves one sensor.

    Parameters
    ----------
    spec
        Name of the transport, as in Bumble's documentation.
    """

    def __init__(self, spec: str) -> None:
        self.spec = spec

    async def attach(self, name: str, address: str, *, advertise_every_s: float = 0.1) -> HciRadio:
        """Open the transport and power the controller.

        Raises
        ------
        InputError
            When it cannot be opened; says what to look at.
        """
        advice = "examples: usb:0, serial:/dev/ttyACM0,1000000, tcp-client:127.0.0.1:9100"
        try:
            transport = await open_transport(self.spec)
        except Exception as error:
            raise InputError(f"--transport {self.spec}", f"cannot be opened: {error}; {advice}") from error
        config = DeviceConfiguration(
            name=name,
            address=hci.Address(address, hci.Address.RANDOM_DEVICE_ADDRESS),
            advertising_interval_min=advertise_every_s * 1000,
            advertising_interval_max=advertise_every_s * 1000,
        )
        device = Device.from_config_with_hci(config, transport.source, transport.sink)
        try:
            await device.power_on()
        except (BaseBumbleError, TimeoutError) as error:
            await transport.close()
            problem = f"the controller does not answer ({error or type(error).__name__}); is it in use?"
            raise InputError(f"--transport {self.spec}", problem) from None
        return HciRadio(device, transport)


class HciRadio:
    """A controller behind a transport, with its host."""

    def __init__(self, device: Device, transport: Transport) -> None:
        self.device = device
        self._transport = transport

    async def silence(self, noticed_s: float | None) -> None:
        """Reset the controller, which ends connections without a word, and let it go.

        The other side notices after the supervision time-out that it has asked for, whatever ``noticed_s``.
        """
        await self.device.host.send_sync_command_raw(hci.HCI_Reset_Command())
        await self._transport.close()
