"""The profile in docs/adding-a-sensor.md is one: read, decoded, encoded and emulated as it stands there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from eccentra.decode import Frame
from eccentra.profiles import DeviceProfile, SensorSetup, load_profile
from needs import ROOT

PAGE = ROOT / "docs" / "adding-a-sensor.md"


@pytest.fixture
def profile(tmp_path: Path) -> DeviceProfile:
    path = tmp_path / "example-strap.toml"
    path.write_text(PAGE.read_text(encoding="utf-8").split("```toml\n")[1].split("```")[0], encoding="utf-8")
    return load_profile(path)


def test_its_vector_holds(profile: DeviceProfile) -> None:
    (vector,) = profile.vector
    setup = SensorSetup(sensor="s", profile=profile, settings=vector.settings)
    (frame,) = setup.start_decoder().feed("data", vector.packets[0])
    assert isinstance(frame, Frame)
    assert vector.expected is not None
    assert frame.x.tolist() == [list(row) for row in vector.expected.x]
    assert frame.ticks is not None
    assert frame.offset_ns is not None
    assert (frame.ticks * 1e-3 + frame.offset_ns * 1e-9).tolist() == pytest.approx(vector.expected.t_s)


def test_its_commands_and_settings(profile: DeviceProfile) -> None:
    with pytest.raises(ValueError, match="printed on the lid"):
        SensorSetup(sensor="s", profile=profile)
    setup = SensorSetup(sensor="s", profile=profile, rate_hz=50.0, settings=profile.examples())
    assert [step.data for step in setup.steps("start")] == [
        b"\x01\x05",
        b"\x02" + (20_000).to_bytes(4, "little"),
    ]


def test_it_is_emulated(profile: DeviceProfile) -> None:
    pytest.importorskip("bumble", reason="emulated sensors need the extra 'emulate'")
    from eccentra.link.virtual.firmware import firmware_for

    setup = SensorSetup(sensor="s", profile=profile, settings=profile.examples())
    firmware = firmware_for(setup, booted_ns=0)
    firmware.connected(247)
    for step in setup.steps("start"):
        assert step.data is not None
        firmware.write(step.to, step.data, 10**9)
    assert firmware.stream is not None
    t = 2 * 10**9 + np.arange(5) * 10**7
    ((channel, packet),) = firmware.encode(t, np.full((5, 1), 1.5))
    (frame,) = setup.start_decoder().feed(channel, packet)
    assert isinstance(frame, Frame)
    assert frame.x[:, 0].tolist() == [1.5] * 5
