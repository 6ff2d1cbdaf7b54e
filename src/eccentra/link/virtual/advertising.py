"""What an emulated sensor advertises, in the 31 bytes of each of two packets, and how that is understood."""

from __future__ import annotations

from bleak.uuids import normalize_uuid_str
from bumble.core import UUID, AdvertisingData

from eccentra.profiles import Ble

__all__ = ["Advertised", "advertisements", "broadcast", "uuid_text"]

_ROOM = 31
_FLAGS = (AdvertisingData.Type.FLAGS, b"\x06")  # general discoverable, no classic Bluetooth

Structure = tuple[int, bytes]


def advertisements(ble: Ble, name: str, serial: str, *, name_first: bool = False) -> tuple[bytes, bytes]:
    """Advertisement and scan response.

    Parameters
    ----------
    ble
        The profile's table.
    name, serial
        Local name; serial number, a part of the manufacturer data.
    name_first
        Put the name into the advertisement and the services into the scan response, as some clones do.

    Raises
    ------
    ValueError
        When it does not fit.
    """
    named = (AdvertisingData.Type.COMPLETE_LOCAL_NAME, name.encode())
    rest = [*_services(ble), *_manufacturer(ble, serial)]
    parts = [named, *rest] if name_first else [*rest, named]
    packets: list[list[Structure]] = [[_FLAGS], []]
    # in order, so that what comes first is in the first packet; what does not fit there goes to the second
    for part in parts:
        for packet in packets:
            if _size(packet) + 2 + len(part[1]) <= _ROOM:
                packet.append(part)
                break
        else:
            raise ValueError(f"{name} does not fit into an advertisement: shorten the name")
    first, second = (bytes(AdvertisingData([*packet])) for packet in packets)
    return first, second


def broadcast(name: str, company: int, data: bytes) -> bytes:
    """The advertisement of a sensor whose samples are in it.

    Raises
    ------
    ValueError
        When it does not fit.
    """
    kinds = AdvertisingData.Type
    parts: list[Structure] = [
        _FLAGS,
        (kinds.COMPLETE_LOCAL_NAME, name.encode()),
        (kinds.MANUFACTURER_SPECIFIC_DATA, company.to_bytes(2, "little") + data),
    ]
    if _size(parts) > _ROOM:
        raise ValueError(f"{name} with {len(data)} bytes does not fit into an advertisement")
    return bytes(AdvertisingData([*parts]))


def _services(ble: Ble) -> list[Structure]:
    kinds = AdvertisingData.Type
    # one is enough to be recognised; further ones belong to other firmware versions
    for uuid in ble.advertised_services[:1]:
        kind = (
            kinds.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS
            if len(uuid) == 4
            else kinds.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS
        )
        return [(kind, bytes(UUID(uuid)))]
    return []


def _manufacturer(ble: Ble, serial: str) -> list[Structure]:
    for company in ble.manufacturer_ids[:1]:
        data = company.to_bytes(2, "little") + serial[-4:].encode()
        return [(AdvertisingData.Type.MANUFACTURER_SPECIFIC_DATA, data)]
    return []


def _size(packet: list[Structure]) -> int:
    return sum(2 + len(data) for _, data in packet)


class Advertised:
    """What one address has advertised so far: later packets add to earlier ones, as BlueZ does it.

    Attributes
    ----------
    name, service_uuids, manufacturer_data, service_data, tx_power
        As in Bleak's ``AdvertisementData``; ``service_uuids`` are the keys.
    """

    def __init__(self) -> None:
        self.name: str | None = None
        self.service_uuids: dict[str, None] = {}
        self.manufacturer_data: dict[int, bytes] = {}
        self.service_data: dict[str, bytes] = {}
        self.tx_power: int | None = None

    def update(self, said: AdvertisingData) -> None:
        """Take an advertisement or a scan response."""
        kinds = AdvertisingData.Type
        for kind, data in said.ad_structures:
            match kind:
                case kinds.COMPLETE_LOCAL_NAME | kinds.SHORTENED_LOCAL_NAME:
                    self.name = data.decode("utf-8", "replace")
                case (
                    kinds.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS
                    | kinds.INCOMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS
                ):
                    self._add_uuids(data, 2)
                case (
                    kinds.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS
                    | kinds.INCOMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS
                ):
                    self._add_uuids(data, 16)
                case kinds.MANUFACTURER_SPECIFIC_DATA if len(data) >= 2:
                    self.manufacturer_data[int.from_bytes(data[:2], "little")] = data[2:]
                case kinds.SERVICE_DATA_16_BIT_UUID if len(data) >= 2:
                    self.service_data[uuid_text(UUID.from_bytes(data[:2]))] = data[2:]
                case kinds.TX_POWER_LEVEL if len(data) == 1:
                    self.tx_power = int.from_bytes(data, "little", signed=True)

    def _add_uuids(self, data: bytes, size: int) -> None:
        for at in range(0, len(data) - size + 1, size):
            self.service_uuids[uuid_text(UUID.from_bytes(data[at : at + size]))] = None


def uuid_text(uuid: UUID) -> str:
    """A UUID as Bleak writes it: 128 bits, lower case."""
    return normalize_uuid_str(uuid.to_hex_str("-"))
