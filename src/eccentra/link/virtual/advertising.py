"""What an emulated sensor advertises: who it is, in the 31 bytes of each of two packets."""

from __future__ import annotations

from bumble.core import UUID, AdvertisingData

from eccentra.profiles import Ble

__all__ = ["advertisements"]

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
