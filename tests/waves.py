"""What an emulated sensor measures in tests: waves, and what came of them through the air."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence

import numpy as np

from eccentra.decode import Decoder, Frame
from eccentra.errors import DecodeError
from eccentra.events import StationNoted
from eccentra.inputs import Connected, Input, Packet, Written
from eccentra.link.virtual.tape import Tape
from eccentra.profiles import SensorSetup
from eccentra.samples import Floats

# A broadcast is heard again and again until the next one.
_FEW = 3


def tape_of(setup: SensorSetup) -> Tape:
    """Slow waves, another one in each channel, inside what the wire can carry."""
    mode, rate = setup.mode, setup.rate
    n = round(240 * rate)
    t = np.arange(n) / rate
    low = np.broadcast_to(np.array(mode.low), (len(mode.channels),))
    high = np.broadcast_to(np.array(mode.high), (len(mode.channels),))
    middle = np.clip(0.0, low + 0.2 * (high - low), high - 0.2 * (high - low))
    # a sample that only says what changed carries a few newtons
    size = np.minimum(0.2 * (high - low), 20.0 if setup.profile.packets == "differences" else 150.0)
    turns = 2 * np.pi * 0.3 * (1 + 0.2 * np.arange(len(mode.channels)))
    return Tape(t, middle + size * np.sin(turns * t[:, None]), mode.channels)


def decoded(setup: SensorSetup, items: Iterable[Input | StationNoted]) -> Floats:
    """What a session makes of what was recorded of one sensor's last connection."""
    rows: list[Floats] = []
    decoder: Decoder = setup.start_decoder()
    for item in items:
        if isinstance(item, StationNoted) or getattr(item, "sensor", None) != setup.sensor:
            continue
        if isinstance(item, Connected):
            decoder, rows = setup.start_decoder(), []
        elif isinstance(item, Written):
            decoder.expect(item.data)
        elif isinstance(item, Packet):
            with contextlib.suppress(DecodeError):
                rows += [p.x for p in decoder.feed(item.channel, item.data) if isinstance(p, Frame)]
    return np.concatenate(rows) if rows else np.empty((0, len(setup.mode.channels)))


def resolution(setup: SensorSetup) -> Floats:
    """Half a step of the wire, by channel."""
    mode = setup.mode
    return np.broadcast_to(np.array(mode.step), (len(mode.channels),)) / 2 * (1 + 1e-6) + 1e-9


def longest(streams: Sequence[int]) -> int:
    """The stream with the most packets, by the stream of each: at start and stop there may be others."""
    return max(set(streams), key=streams.count)


def not_a_piece(setup: SensorSetup, got: Floats, sent: Floats) -> str:
    """Why what came is no unbroken piece of what was sent, each sample once; empty when it is."""
    half = resolution(setup)
    profile = setup.profile
    if profile.ble is not None and profile.ble.broadcast is not None:
        nearest = np.abs(got - sent[:, 0]).min(axis=1)
        return "" if len(np.unique(got)) >= _FEW and (nearest <= half).all() else "not what was sent"
    differences = profile.packets == "differences"  # from the load at its start on
    if differences:
        sent, got, half = as_said(setup, sent), got - got[0], 2 * half
    off = np.inf
    for first in range(len(sent) - len(got) + 1):
        piece = sent[first : first + len(got)]
        apart = np.abs(got - (piece - piece[0] if differences else piece)) - half
        off = min(off, float(apart.max()))
        if off <= 0:
            return ""
    return f"{len(got)} samples are no piece of {len(sent)}: off by {off:g} at least"


def as_said(setup: SensorSetup, sent: Floats) -> Floats:
    """What a whole stream says of what was measured: one sample cannot carry every change.

    A sensor counts from the load at the stream's start.
    """
    encoder, decoder = setup.start_encoder(), setup.start_decoder()
    out = []
    for k, row in enumerate(sent - sent[0]):
        for packet in encoder.encode(np.array([k]), row[None]):
            out += [part.x for part in decoder.feed(*packet) if isinstance(part, Frame)]
    return np.concatenate(out)
