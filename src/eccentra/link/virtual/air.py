"""An in-memory radio: emulated sensors and a central on it, in one process and one event loop.

Bumble's virtual controller and link are made for tests of Bluetooth stacks. What a program can tell from
a real radio is added here:

- scan responses are sent, as reports of their own (Bumble repeats the advertisement instead);
- a connection attempt to somebody absent can be cancelled (Bumble leaves it pending for ever);
- a radio that goes silent is noticed by the other side after a supervision time-out, if so wished;
- nothing reaches a radio that has no connection to the sender any more.

Not simulated: loss, collisions, distance. Signal strength is what the sensor says it is.
"""

from __future__ import annotations

import asyncio
from typing import Any

from bumble import core, hci, ll
from bumble.controller import Connection, Controller, LegacyAdvertiser
from bumble.device import Device, DeviceConfiguration
from bumble.host import Host
from bumble.link import LocalLink
from bumble.transport.common import AsyncPipeSink

__all__ = ["SUPERVISION_S", "Air", "AirRadio", "VirtualController"]

SUPERVISION_S = 0.42
"""Supervision time-out that BlueZ asks for by default."""


class Air(LocalLink):
    """The space between the antennas; also a place where sensors can get a radio of their own."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    async def attach(self, name: str, address: str, *, advertise_every_s: float = 0.1) -> AirRadio:
        """A new powered radio with the random static address ``address``."""
        controller = VirtualController(name, link=self)
        host = Host(controller, AsyncPipeSink(controller))
        config = DeviceConfiguration(
            name=name,
            address=hci.Address(address, hci.Address.RANDOM_DEVICE_ADDRESS),
            advertising_interval_min=advertise_every_s * 1000,
            advertising_interval_max=advertise_every_s * 1000,
        )
        device = Device(config=config, host=host)
        await device.power_on()
        return AirRadio(controller, device)

    def other_end(self, address: hci.Address) -> VirtualController | None:
        """The controller that has a connection of which ``address`` is the near end."""
        for controller in self.controllers:
            for connection in controller.le_connections.values():
                if connection.self_address == address and isinstance(controller, VirtualController):
                    return controller
        return None

    def advertiser(self, address: hci.Address) -> LegacyAdvertiser | None:
        """Who advertises under ``address`` now."""
        for controller in self.controllers:
            advertiser = controller.le_legacy_advertiser
            if advertiser.enabled and advertiser.address == address:
                return advertiser
        return None

    def send_acl_data(
        self,
        sender_controller: Controller,
        destination_address: hci.Address,
        transport: core.PhysicalTransport,
        data: bytes,
    ) -> None:
        """Data over a connection; lost when one of the two ends is gone."""
        mine = sender_controller.le_connections.get(destination_address)
        receiver = self.other_end(destination_address)
        if mine is None or receiver is None or mine.self_address not in receiver.le_connections:
            return
        loop = asyncio.get_running_loop()
        loop.call_soon(receiver.on_link_acl_data, mine.self_address, transport, data)

    def send_ll_control_pdu(
        self, sender_address: hci.Address, receiver_address: hci.Address, packet: ll.ControlPdu
    ) -> None:
        """Link control; lost when nobody is there."""
        receiver = self.other_end(receiver_address)
        if receiver is not None and sender_address in receiver.le_connections:
            asyncio.get_running_loop().call_soon(receiver.on_ll_control_pdu, sender_address, packet)


class VirtualController(Controller):
    """One radio: a plain Bluetooth 4.2 low energy controller.

    Attributes
    ----------
    rssi_dbm
        Signal strength with which others hear it.
    """

    def __init__(self, name: str, *, link: Air) -> None:
        super().__init__(name, link=link)
        self.air = link
        self.rssi_dbm = -50
        # With extended advertising Bumble uses other commands, for which it has no scan responses either.
        self.le_features &= ~(hci.LeFeatureMask.LL_PRIVACY | hci.LeFeatureMask.LE_EXTENDED_ADVERTISING)

    def on_hci_acl_data_packet(self, packet: hci.HCI_AclDataPacket) -> None:
        """The host may not know yet that the connection has ended."""
        if self.find_connection_by_handle(packet.connection_handle) is not None:
            super().on_hci_acl_data_packet(packet)

    def on_ll_control_pdu(self, sender_address: hci.Address, packet: ll.ControlPdu) -> None:
        """The connection may have ended while the packet was on its way."""
        if sender_address in self.le_connections:
            super().on_ll_control_pdu(sender_address, packet)

    def on_advertising_pdu(self, pdu: ll.AdvInd | ll.AdvExtInd) -> None:
        """Report it, ask for the scan response, and connect when that is wished."""
        source = self.air.advertiser(pdu.advertiser_address)
        if self.le_scan_enable and source is not None:
            kinds = hci.HCI_LE_Advertising_Report_Event.EventType
            self._report(kinds.ADV_IND, pdu.advertiser_address, pdu.data, source)
            if self.le_scan_type == 1 and source.scan_response_data:
                self._report(kinds.SCAN_RSP, pdu.advertiser_address, source.scan_response_data, source)
        pending = self.pending_le_connection
        address = pdu.advertiser_address
        if pending and pending.peer_address == address and address not in self.le_connections:
            self.create_le_connection(address)

    def _report(self, kind: Any, address: hci.Address, data: bytes, source: LegacyAdvertiser) -> None:
        report = hci.HCI_LE_Advertising_Report_Event.Report(
            event_type=kind,
            address_type=address.address_type,
            address=address,
            data=bytes(data),
            rssi=getattr(source.controller, "rssi_dbm", -50),
        )
        self.send_hci_packet(hci.HCI_LE_Advertising_Report_Event([report]))

    def on_hci_le_create_connection_cancel_command(
        self, _command: hci.HCI_LE_Create_Connection_Cancel_Command
    ) -> hci.HCI_StatusReturnParameters:
        """End the attempt, and say so to the host as the specification asks."""
        if not self.cancel_attempt():
            return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.COMMAND_DISALLOWED_ERROR)
        return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.SUCCESS)

    def cancel_attempt(self) -> bool:
        """End the pending connection attempt; false when there is none."""
        pending, self.pending_le_connection = self.pending_le_connection, None
        if pending is None:
            return False
        ended = hci.HCI_LE_Connection_Complete_Event(
            status=hci.HCI_ErrorCode.UNKNOWN_CONNECTION_IDENTIFIER_ERROR,
            connection_handle=0,
            role=hci.Role.CENTRAL,
            peer_address_type=pending.peer_address.address_type,
            peer_address=pending.peer_address,
            connection_interval=0,
            peripheral_latency=0,
            supervision_timeout=0,
            central_clock_accuracy=0,
        )
        # after the reply to the command itself
        asyncio.get_running_loop().call_soon(self.send_hci_packet, ended)
        return True

    def fall_silent(self, noticed_s: float | None) -> None:
        """Leave the air without a word; the others notice after ``noticed_s``, or never."""
        loop = asyncio.get_running_loop()
        self.le_legacy_advertiser.stop()
        self.air.controllers.discard(self)
        for connection in self.le_connections.values():
            other = self.air.other_end(connection.peer_address)
            theirs = other.le_connections.get(connection.self_address) if other else None
            if other is not None and theirs is not None and noticed_s is not None:
                loop.call_later(noticed_s, other.lose, theirs)
        self.le_connections.clear()
        self.host = None

    def lose(self, connection: Connection) -> None:
        """The supervision time-out of a connection."""
        if self.le_connections.get(connection.peer_address) is connection:
            self.on_le_disconnected(connection, hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR)

    def hang_up(self) -> None:
        """End every connection from this side, as when the adapter is switched off."""
        reason = hci.HCI_ErrorCode.REMOTE_DEVICE_TERMINATED_CONNECTION_DUE_TO_POWER_OFF_ERROR
        for connection in list(self.le_connections.values()):
            connection.send_ll_control_pdu(ll.TerminateInd(reason))
            self.on_le_disconnected(connection, hci.HCI_ErrorCode.CONNECTION_TERMINATED_BY_LOCAL_HOST_ERROR)
        self.cancel_attempt()
        self.le_scan_enable = False


class AirRadio:
    """A radio on the air with its host.

    Attributes
    ----------
    device
        Bumble's device on it.
    controller
        The radio itself.
    """

    def __init__(self, controller: VirtualController, device: Device) -> None:
        self.controller = controller
        self.device = device

    async def silence(self, noticed_s: float | None) -> None:
        """Leave the air for good without a word; the other side notices after ``noticed_s``, or never."""
        self.controller.fall_silent(noticed_s)
