"""Which sensor model an advertising device is, and how sure that is. Pure.

Name, services and manufacturer come in different packets, and a first packet may lack most of it: what was
seen of one address is merged over time, and the judgement is made on all of it. Names collide and services
are shared between makers, so evidence counts less the more models claim it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from eccentra.link.addresses import long_uuid
from eccentra.profile_ble import Broadcast
from eccentra.profiles import DeviceProfile

__all__ = ["Candidate", "Seen", "can_measure", "is_ambiguous", "recognise"]

# Chance that the evidence is right when a single model claims it. A 128-bit service is random by design; a
# 16-bit one belongs to a maker, who also has other products; so does a manufacturer id; names are free.
_LONG_SERVICE = 0.95
_SHORT_SERVICE = 0.5
_NAME = 0.7
_SHORT_NAME = 0.4
_MAKER = 0.3
# Fewer letters than this begin many names.
_SHORT_NAME_LETTERS = 5
# Serial services that chip makers give away; anybody's device may have them.
_GENERIC = frozenset(
    long_uuid(uuid)
    for uuid in (
        "ffe0",
        "fff0",
        "49535343-fe7d-4ae5-8fa9-9fafd205e455",
        "6e400001-b5a3-f393-e0a9-e50e24dcca9e",
    )
)
_GENERIC_SERVICE = 0.2
# Of the size and with the bytes that all known packets of it have.
_PAYLOAD = 0.5
# Two models closer than this cannot be told apart.
_ALIKE = 0.15
_WORDS = {"force": "force", "heart_rate": "heart rate", "raw": "raw counts only"}
_BASE_END = "-0000-1000-8000-00805f9b34fb"


class Seen(msgspec.Struct, kw_only=True):
    """All that was heard from one address so far.

    Attributes
    ----------
    name
        The longest local name: a packet may hold it shortened.
    services
        Advertised services, 128-bit, lower case.
    makers
        Company ids of manufacturer data.
    payloads
        Their data, where it was given.
    rssi_dbm
        Signal of the last packet that had one.
    battery_pct
        From service data of the standard battery service, if any.
    packets
        Advertisements heard.
    """

    name: str = ""
    services: set[str] = msgspec.field(default_factory=set)
    makers: set[int] = msgspec.field(default_factory=set)
    payloads: dict[int, bytes] = msgspec.field(default_factory=dict)
    rssi_dbm: int | None = None
    battery_pct: int | None = None
    packets: int = 0

    def add(
        self,
        *,
        name: str | None = None,
        services: Iterable[str] = (),
        makers: Iterable[int] | Mapping[int, bytes] = (),
        service_data: Mapping[str, bytes] | None = None,
        rssi_dbm: int | None = None,
    ) -> None:
        """Merge one advertisement or scan response; what comes from the air is cut to sane sizes."""
        self.packets += 1
        if name and len(name) >= len(self.name):
            self.name = name[:64]
        self.services.update(long_uuid(uuid) for uuid in list(services)[:32])
        self.makers.update(list(makers)[:32])
        if isinstance(makers, Mapping):
            self.payloads.update((maker, bytes(makers[maker][:255])) for maker in list(makers)[:32])
        if rssi_dbm is not None and -127 < rssi_dbm < 21:
            self.rssi_dbm = rssi_dbm
        for uuid, data in (service_data or {}).items():
            if long_uuid(uuid) == long_uuid("180f") and len(data) == 1 and data[0] <= 100:
                self.battery_pct = data[0]


class Candidate(NamedTuple):
    """One model that a device may be: id of its profile, confidence from 0 to 1, and why."""

    device: str
    confidence: float
    why: str


def recognise(seen: Seen, profiles: Sequence[DeviceProfile]) -> list[Candidate]:
    """Models that the device may be, best first; empty when nothing speaks for any.

    Parameters
    ----------
    seen
        All that was heard from its address.
    profiles
        All known models; those without Bluetooth are left out.
    """
    evidence = {profile.id: _evidence(seen, profile) for profile in profiles}
    claims: dict[str, int] = {}
    for found in evidence.values():
        for fact in found:
            claims[fact] = claims.get(fact, 0) + 1
    out = []
    for device, found in evidence.items():
        doubt = 1.0
        for fact, chance in found.items():
            doubt *= 1.0 - chance / claims[fact]
        if found:
            out.append(Candidate(device, round(1.0 - doubt, 3), ", ".join(found)))
    return sorted(out, key=lambda candidate: (-candidate.confidence, candidate.device))


def is_ambiguous(candidates: Sequence[Candidate]) -> bool:
    """True when the best two are too alike to choose between them."""
    return len(candidates) > 1 and candidates[0].confidence - candidates[1].confidence < _ALIKE


def can_measure(profile: DeviceProfile) -> str:
    """What a model measures, at which rates, in words."""
    parts = []
    for mode in profile.mode:
        what = _WORDS.get(mode.kind) or _motion(mode.channels)
        if what not in parts and mode.kind != "other":
            parts.append(what)
    rates = profile.rates_hz or (profile.rate_hz,)
    return f"{' or '.join(parts)}, {'/'.join(f'{rate:g}' for rate in rates)} Hz"


def _motion(channels: Sequence[str]) -> str:
    kinds = {"acc": "acceleration", "gyr": "rotation", "mag": "magnetic field"}
    return " + ".join(word for start, word in kinds.items() if any(c.startswith(start) for c in channels))


def _evidence(seen: Seen, profile: DeviceProfile) -> dict[str, float]:
    """What speaks for a model, in words, with its weight."""
    ble = profile.ble
    if ble is None:
        return {}
    found: dict[str, float] = {}
    prefix = max((p for p in ble.name_prefixes if p and seen.name.startswith(p)), key=len, default="")
    if prefix:
        found[f"name {prefix.strip()}..."] = _NAME if len(prefix) >= _SHORT_NAME_LETTERS else _SHORT_NAME
    part = next((p for p in ble.name_parts if p and p in seen.name), "")
    if part and not prefix:
        found[f"name ...{part}..."] = _NAME if len(part) >= _SHORT_NAME_LETTERS else _SHORT_NAME
    own = {long_uuid(uuid) for uuid in (*ble.advertised_services, ble.service) if uuid}
    for uuid in sorted(own & seen.services):
        short = uuid.startswith("0000") and uuid.endswith(_BASE_END)
        weight = _GENERIC_SERVICE if uuid in _GENERIC else _SHORT_SERVICE if short else _LONG_SERVICE
        found[f"service {uuid[4:8] if short else uuid[:8]}"] = weight
    if ble.broadcast is not None:
        return _broadcasts(seen, ble.broadcast, found)
    for maker in sorted(set(ble.manufacturer_ids) & seen.makers):
        found[f"maker {maker:#06x}"] = _MAKER
    return found


def _broadcasts(seen: Seen, broadcast: Broadcast, found: dict[str, float]) -> dict[str, float]:
    """What speaks for a sensor that only advertises: name and payload count together, each alone hardly."""
    payload = seen.payloads.get(broadcast.company)
    fits = payload is not None and broadcast.fits(payload)
    if fits and found:
        return {**found, f"payload of maker {broadcast.company:#06x}": _PAYLOAD}
    weak = dict.fromkeys(found, _GENERIC_SERVICE)
    return {**weak, f"maker {broadcast.company:#06x}": _GENERIC_SERVICE} if payload is not None else weak
