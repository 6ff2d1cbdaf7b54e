"""The Bluetooth link on a made-up radio, in virtual time: whatever happens, it comes back."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable

import msgspec
import pytest
from bleak.exc import BleakDBusError, BleakDeviceNotFoundError, BleakError
from fake_radio import Air, FakeDevice
from virtual_time import now_ns, run, stand_still

from eccentra.decode import BATTERY_LEVEL
from eccentra.errors import InputError, LinkError
from eccentra.events import StationNoted, StationReason
from eccentra.inputs import Connected, Input, Lost, Packet, Written
from eccentra.link import WantedSensor
from eccentra.link.bluetooth import BluetoothLink
from eccentra.link.mailbox import Mailbox
from eccentra.profiles import Ble, SensorSetup, load_profile

R = StationReason
ADDRESS = "A4:C1:38:00:00:{:02X}"


class Room:
    """Devices, a link, and everything that came out of it."""

    def __init__(self, names: tuple[str, ...] = ("force-1",), **ble: object) -> None:
        plain = load_profile("tindeq-progressor")
        assert plain.ble is not None
        self.profile = msgspec.structs.replace(plain, ble=msgspec.structs.replace(plain.ble, **ble))
        self.air = Air()
        self.devices = {name: FakeDevice(self.air, ADDRESS.format(i)) for i, name in enumerate(names)}
        self.device = next(iter(self.devices.values()))
        self.mailbox = Mailbox(1 << 20)
        self.items: list[Input | StationNoted] = []
        self.with_adapter = False
        self.link: BluetoothLink

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        profile = self.profile
        wanted = [
            WantedSensor(
                setup=SensorSetup(sensor=name, profile=profile, side="left"), address=d.address.lower()
            )
            for name, d in self.devices.items()
        ]
        self.link = BluetoothLink(
            wanted,
            self.mailbox,
            backend=self.air.backend(),
            adapter=self.air.adapter() if self.with_adapter else None,
            now=now_ns,
            platform="linux",
        )
        life = asyncio.create_task(self.air.live())
        task = asyncio.create_task(self.link.run())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            life.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await life
            self.collect()
            left = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
            assert not left, "tasks outlive the link"
        assert self.air.broken_rules == []
        assert not self.air.scanners
        check_order(self.items)

    def collect(self) -> None:
        self.items += self.mailbox.drain()

    async def until(self, true: Callable[[], bool], within_s: float = 60.0) -> float:
        """Wait until something holds; how long that took."""
        start = asyncio.get_running_loop().time()
        while not true():
            await asyncio.sleep(0.02)
            self.collect()
            assert asyncio.get_running_loop().time() - start < within_s, self.link.status()
        return asyncio.get_running_loop().time() - start

    async def streaming(self, within_s: float = 60.0) -> float:
        return await self.until(lambda: all(s.state == "streaming" for s in self.link.status()), within_s)

    def of(self, kind: type, sensor: str | None = None) -> list:
        self.collect()
        return [i for i in self.items if isinstance(i, kind) and (sensor is None or i.sensor == sensor)]

    def notes(self) -> list[StationReason]:
        return [note.reason for note in self.of(StationNoted)]


def check_order(items: list[Input | StationNoted]) -> None:
    """Packets only between connected and lost, one lost for each connected, times never backwards."""
    connected: set[str] = set()
    last = 0
    for item in items:
        if isinstance(item, StationNoted):
            continue
        assert item.arrival_ns >= last
        last = item.arrival_ns
        if isinstance(item, Connected):
            assert item.sensor not in connected
            connected.add(item.sensor)
        elif isinstance(item, Lost):
            # a sensor may be swapped while it is away
            (connected.discard if item.why == "swapped" else connected.remove)(item.sensor)
        elif isinstance(item, Packet):
            assert item.sensor in connected
    assert not connected, "no lost for a connected"


def test_finds_connects_asks_the_battery_and_starts() -> None:
    async def story() -> None:
        room = Room()
        async with room.running():
            assert await room.streaming() < 3
            await asyncio.sleep(2)
            kinds = [type(item).__name__ for item in room.of(Input) if not isinstance(item, Packet)]
            assert kinds == ["Connected", "Written", "Written"]
            assert [w.data for w in room.of(Written)] == [b"\x6f", b"\x65"]
            assert {w.channel for w in room.of(Written)} == {"control"}
            packets = room.of(Packet)
            assert packets[0].data == bytes.fromhex("000443100000"), "battery before the stream"
            ticks = [int.from_bytes(p.data[6:], "little") for p in packets[1:]]
            assert ticks == list(range(12_500, 12_500 * (len(ticks) + 1), 12_500)), (
                "nothing twice, nothing lost"
            )
            assert len(ticks) > 150
            (status,) = room.link.status()
            assert (status.rssi_dbm, status.tries, status.problem) == (-60, 0, "")
        assert room.device.written == [b"\x6f", b"\x65", b"\x66"], "stopped on the way out"
        assert room.of(Lost)[-1].why == "stopped"
        assert not room.device.clients, "disconnected"
        assert room.notes() == []

    run(story())


def test_eight_sensors_connect_one_after_the_other() -> None:
    async def story() -> None:
        room = Room(tuple(f"force-{i}" for i in range(8)))
        async with room.running():
            assert await room.streaming() < 12
            await asyncio.sleep(5)
            for name in room.devices:
                ticks = [int.from_bytes(p.data[6:], "little") for p in room.of(Packet, name)[1:]]
                assert ticks == list(range(12_500, 12_500 * (len(ticks) + 1), 12_500))

    run(story())


@pytest.mark.parametrize("while_away", [False, True])
def test_another_device_takes_its_place_in_mid_session(while_away: bool) -> None:
    async def story() -> None:
        room = Room(("force-1", "force-2"))
        spare = FakeDevice(room.air, ADDRESS.format(77))
        async with room.running():
            await room.streaming()
            await asyncio.sleep(2)
            if while_away:
                room.device.switched_on = False
                room.device.drop()
                await room.until(lambda: room.link.status()[0].state == "searching")
            assert room.link.swap("force-1", spare.address.lower())
            assert not room.link.swap("force-1", room.devices["force-2"].address), "that is another one's"
            assert not room.link.swap("elbow", spare.address)
            assert await room.streaming() < 4
            await asyncio.sleep(2)
            assert spare.streaming
            assert not room.device.clients, "the old one is let go"
            assert room.of(Lost, "force-2") == []
        lost = [one.why for one in room.of(Lost, "force-1")]
        assert lost == (["lost", "swapped", "stopped"] if while_away else ["swapped", "stopped"])
        assert room.notes().count(R.SENSOR_SWAPPED) == 1

    run(story())


def test_a_drop_is_said_and_repaired_at_once_without_doubled_packets() -> None:
    async def story() -> None:
        room = Room()
        async with room.running():
            await room.streaming()
            for _ in range(3):
                await asyncio.sleep(15)
                room.device.drop()
                await asyncio.sleep(0.001)
                assert room.link.status()[0].state == "lost"
                assert await room.streaming() < 2
            await asyncio.sleep(2)
            stream: list[int] = []
            for packet in room.of(Packet):
                if packet.data[0] == 1:
                    stream.append(int.from_bytes(packet.data[6:], "little"))
            assert max(Counter(stream[-100:]).values()) == 1, "every packet once"
        assert [lost.why for lost in room.of(Lost)] == ["lost"] * 3 + ["stopped"]
        assert room.notes() == [R.CONNECTION_LOST, R.SENSOR_BACK] * 3

    run(story())


def test_a_sensor_that_vanishes_unreported_is_noticed_in_three_seconds() -> None:
    async def story() -> None:
        room = Room()
        async with room.running():
            await room.streaming()
            await asyncio.sleep(12)
            room.device.vanish()
            took = await room.until(lambda: room.link.status()[0].state != "streaming")
            assert 2.5 < took < 3.5
            assert room.of(Lost)[-1].why == "silent"
            await asyncio.sleep(30)
            room.device.come_back()
            assert await room.streaming() < 5
        assert room.notes() == [R.NO_DATA, R.SENSOR_NOT_SEEN, R.SENSOR_BACK]

    run(story())


def test_a_sleeping_sensor_is_searched_sparingly_and_said_once() -> None:
    async def story() -> None:
        room = Room()
        room.device.switched_on = False
        async with room.running():
            await asyncio.sleep(90)
            (note,) = room.of(StationNoted)
            assert note.reason is R.SENSOR_NOT_SEEN
            assert "force-1" in note.detail
            assert "switch it on" in note.advice
            status = room.link.status()[0]
            assert "not heard" in status.problem
            before = room.air.scanned_s
            await asyncio.sleep(600)
            assert room.air.scanned_s - before < 330, "listens less than half of the time"
            assert len(room.of(StationNoted)) == 1
            room.device.switched_on = True
            assert await room.streaming() < 10

    run(story())


def test_a_missing_sensor_does_not_disturb_the_others() -> None:
    async def story() -> None:
        room = Room(("force-1", "force-2"))
        room.devices["force-2"].switched_on = False
        async with room.running():
            await room.until(lambda: room.link.status()[0].state == "streaming")
            await asyncio.sleep(120)
            assert len(room.of(Connected, "force-1")) == 1
            assert not room.of(Lost)

    run(story())


@pytest.mark.parametrize("while_streaming", [True, False])
def test_adapter_off_and_on_is_said_once_and_cured_by_itself(while_streaming: bool) -> None:
    async def story() -> None:
        room = Room(("force-1", "force-2"))
        async with room.running():
            if while_streaming:
                await room.streaming()
                await asyncio.sleep(12)
            room.air.switch_off()
            await asyncio.sleep(300)
            off = [n for n in room.of(StationNoted) if n.reason is R.BLUETOOTH_OFF]
            assert [(n.level, n.sensor) for n in off] == [("error", None)]
            assert "power on" in off[0].advice
            assert all("switched off" in s.problem for s in room.link.status())
            assert R.SENSOR_NOT_SEEN not in room.notes()
            room.air.powered = True
            assert await room.streaming() < 8
            off = [n.level for n in room.of(StationNoted) if n.reason is R.BLUETOOTH_OFF]
            assert off == ["error", "info"]
            assert all(not s.problem for s in room.link.status())

    run(story())


def test_adapter_off_while_searching_quietly_is_noticed() -> None:
    async def story() -> None:
        room = Room()
        room.device.switched_on = False
        async with room.running():
            await asyncio.sleep(5)
            room.air.switch_off()
            await asyncio.sleep(20)
            assert R.BLUETOOTH_OFF in room.notes()

    run(story())


def test_after_the_adapter_is_back_a_missing_sensor_is_said_and_a_long_wait_is_over() -> None:
    async def story() -> None:
        room = Room(("force-1", "force-2", "force-3"))
        room.devices["force-1"].switched_on = False
        room.devices["force-2"].missing = {"control"}
        async with room.running():
            await room.until(lambda: room.link.status()[1].state == "waiting")
            room.air.switch_off()
            await room.until(lambda: R.BLUETOOTH_OFF in room.notes())
            room.devices["force-2"].missing = set()
            room.air.powered = True
            await room.until(lambda: room.link.status()[1].state == "streaming", within_s=10)
            await room.until(lambda: R.SENSOR_NOT_SEEN in room.notes(), within_s=15)

    run(story())


def test_what_an_old_client_still_delivers_is_ignored() -> None:
    async def story() -> None:
        room = Room()
        async with room.running():
            await room.streaming()
            (old,) = room.device.clients
            callbacks = list(old._callbacks.values())
            dropped = old._disconnected_callback
            room.device.drop()
            for deliver in callbacks:
                deliver(bytearray(b"late"))
            await room.streaming()
            for deliver in callbacks:
                deliver(bytearray(b"late"))
            assert dropped is not None
            dropped()
            assert room.link.status()[0].state == "streaming"
            assert b"late" not in [p.data for p in room.of(Packet)]

    run(story())


ERRORS = [
    (BleakError("failed"), R.CONNECT_FAILED),
    (
        BleakDeviceNotFoundError("A4:C1:38:00:00:00", "Device with address A4:C1:38:00:00:00 was not found."),
        R.CONNECT_FAILED,
    ),
    (BleakDBusError("org.bluez.Error.Failed", ["le-connection-abort-by-local"]), R.CONNECT_FAILED),
    (
        BleakDBusError("org.bluez.Error.InProgress", ["/org/bluez/hci0/dev_A4_C1_38_00_00_00"]),
        R.CONNECT_FAILED,
    ),
    (TimeoutError(), R.CONNECT_TIMEOUT),
    (EOFError(), R.CONNECT_FAILED),
    (OSError(5, "Input/output error"), R.CONNECT_FAILED),
    (AssertionError(), R.CONNECT_FAILED),
    (ZeroDivisionError("A4:C1:38:00:00:00"), R.INTERNAL),
]


@pytest.mark.parametrize(("error", "reason"), ERRORS, ids=lambda x: type(x).__name__)
def test_failing_connects_back_off_and_are_said_with_a_count(error: BaseException, reason: R) -> None:
    async def story() -> None:
        room = Room()
        room.device.connect_error = error
        async with room.running():
            await asyncio.sleep(100)
            told = [n for n in room.of(StationNoted) if n.sensor == "force-1"]
            assert {n.reason for n in told} == {reason}
            assert [n.count > 1 for n in told] == [False, True]
            assert all(n.advice for n in told)
            assert "A4" not in str([n.detail for n in room.of(StationNoted)])
            assert len(room.of(StationNoted)) <= 4
            status = room.link.status()[0]
            assert 6 <= status.tries <= 10, "0.5, 1, 2, 4, 8, 16, 30 s"
            room.device.connect_error = None
            assert await room.streaming() < 32

    run(story())


def test_a_connect_that_hangs_is_given_up_and_its_client_disconnected() -> None:
    async def story() -> None:
        room = Room(("force-1", "force-2"))
        room.devices["force-1"].connect_hangs = True
        async with room.running():
            await room.until(lambda: room.link.status()[1].state == "streaming")
            await asyncio.sleep(30)
            assert R.CONNECT_TIMEOUT in room.notes()
            room.devices["force-1"].connect_hangs = False
            await room.streaming()

    run(story())


def test_a_disconnect_that_hangs_is_bounded() -> None:
    async def story() -> None:
        room = Room()
        async with room.running():
            await room.streaming()
            room.device.disconnect_hangs = True
            room.device.drop()
            await asyncio.sleep(1)
            assert room.link.status()[0].state == "lost"
            room.device.disconnect_hangs = False
            assert await room.streaming() < 20

    run(story())


def test_no_data_after_start_makes_a_new_connection() -> None:
    async def story() -> None:
        room = Room()
        room.device.sends_data = False
        async with room.running():
            await asyncio.sleep(40)
            assert room.device.connects >= 3
            assert set(room.notes()) == {R.NO_DATA}
            room.device.sends_data = True
            await room.streaming()

    run(story())


def test_answers_alone_do_not_count_as_a_stream() -> None:
    async def story() -> None:
        room = Room()
        room.device.sends_data = False
        async with room.running():
            await asyncio.sleep(6)
            assert any(p.data[0] == 0 for p in room.of(Packet)), "the battery was answered"
            assert not any(s.state == "streaming" for s in room.link.status())
            assert room.notes() == [R.NO_DATA]

    run(story())


@pytest.mark.parametrize("late", [False, True])
def test_a_packet_size_that_the_system_shows_late_or_never_is_proved_by_packets(late: bool) -> None:
    async def story() -> None:
        room = Room(min_mtu=40)
        room.device.shown_mtu, room.device.records = 23, 4
        async with room.running():
            if late:
                await room.until(lambda: room.device.connects == 1)
                await asyncio.sleep(0.5)
                room.device.shown_mtu = 247
            assert await room.streaming() < (2 if late else 4)
        assert room.notes() == []

    run(story())


def test_packets_that_are_cut_are_said_and_not_taken_for_a_stream() -> None:
    async def story() -> None:
        room = Room(min_mtu=40)
        room.device.mtu, room.device.records = 23, 4
        async with room.running():
            await asyncio.sleep(60)
            (note,) = room.of(StationNoted)
            assert (note.reason, note.level) == (R.MTU_TOO_SMALL, "error")
            assert "cut at 20 bytes" in note.detail
            assert "MTU of 40" in note.detail
            assert room.device.connects == 2
            room.device.mtu = 247
            await room.streaming()

    run(story())


@pytest.mark.parametrize(("level", "low"), [(80, False), (12, True)])
def test_the_standard_battery_service_is_read_where_there_is_no_command(level: int, low: bool) -> None:
    async def story() -> None:
        room = Room(commands={n: w for n, w in load_ble().commands.items() if n != "battery"})
        room.device.battery_service = level
        async with room.running():
            await room.streaming()
            status = room.link.status()[0]
            assert (status.battery_pct, status.battery_low) == (level, low)
            first = room.of(Packet)[0]
            assert (first.channel, first.data) == (BATTERY_LEVEL, bytes([level])), "recorded as it came"

    run(story())


def load_ble() -> Ble:
    ble = load_profile("tindeq-progressor").ble
    assert ble is not None
    return ble


def test_the_wrong_device_is_said_and_not_tried_all_the_time() -> None:
    async def story() -> None:
        room = Room()
        room.device.missing = {"control"}
        async with room.running():
            await asyncio.sleep(59)
            (note,) = room.of(StationNoted)
            assert (note.reason, note.level) == (R.WRONG_DEVICE, "error")
            assert "eccentra scan" in note.advice
            assert room.device.connects == 2
            assert not room.of(Connected), "it never was connected for the session"

    run(story())


def test_a_refused_start_is_said() -> None:
    async def story() -> None:
        room = Room()
        room.device.write_error = BleakDBusError("org.bluez.Error.NotPermitted", ["Write not permitted"])
        async with room.running():
            await asyncio.sleep(5)
            assert set(room.notes()) == {R.COMMAND_FAILED}
            assert len(room.of(Connected)) == len(room.of(Lost)) >= 2

    run(story())


def test_commands_are_recorded_then_written() -> None:
    async def story() -> None:
        room = Room()
        async with room.running():
            with pytest.raises(LinkError, match="not connected"):
                await room.link.command("force-1", "tare")
            await room.streaming()
            await room.link.command("force-1", "tare")
            assert [w.data for w in room.of(Written)][2:] == [b"\x66", b"\x64", b"\x65"]
            with pytest.raises(LinkError, match="start, stop, tare"):
                await room.link.command("force-1", "dance")
            with pytest.raises(LinkError, match="force-1"):
                await room.link.command("force-9", "tare")
            room.device.write_error = TimeoutError()
            with pytest.raises(LinkError, match="no answer") as caught:
                await room.link.command("force-1", "tare")
            assert caught.value.reason is R.COMMAND_FAILED
            room.device.write_error = None
            await asyncio.sleep(5)
            assert room.link.status()[0].state == "streaming"

    run(story())


def test_a_device_still_held_by_the_system_is_taken_over_and_stopped_first() -> None:
    """After a kill BlueZ keeps the connection: such a sensor does not advertise."""

    async def story() -> None:
        room = Room()
        room.with_adapter = True
        room.device.held = True
        room.device.streaming = True
        async with room.running():
            assert await room.streaming() < 3
            assert room.device.written[:3] == [b"\x66", b"\x6f", b"\x65"]
            assert [type(i) for i in room.of(Input)[:2]] == [Written, Connected]

    run(story())


def test_a_service_that_died_is_said_once_though_its_memory_lives_on() -> None:
    """Seen with bluetoothd killed: Bleak still lists devices as connected."""

    async def story() -> None:
        room = Room(("force-1", "force-2"))
        room.with_adapter = True
        async with room.running():
            await room.streaming()
            await asyncio.sleep(12)
            room.air.error = BleakDBusError("org.freedesktop.DBus.Error.ServiceUnknown", ["org.bluez"])
            for device in room.devices.values():
                device.frozen, device.held, device.connect_error = True, True, room.air.error
            await asyncio.sleep(60)
            assert [n for n in room.notes() if n is R.BLUETOOTH_MISSING] == [R.BLUETOOTH_MISSING]
            room.air.error = None
            for device in room.devices.values():
                device.held, device.connect_error = False, None
                device.come_back()
            assert await room.streaming() < 8

    run(story())


@pytest.mark.parametrize("noticed_later", [False, True])
def test_after_the_service_died_nobody_waits_for_its_reports(noticed_later: bool) -> None:
    """Seen with bluetoothd started anew: it answers that it disconnects, and never says that it did."""

    async def story() -> None:
        room = Room(("force-1", "force-2"))
        first, second = room.devices.values()
        async with room.running():
            await room.streaming()
            await asyncio.sleep(12)
            room.air.error = BleakDBusError("org.freedesktop.DBus.Error.ServiceUnknown", ["org.bluez"])
            first.frozen, second.frozen = True, not noticed_later
            second.disconnect_hangs = True
            await room.until(lambda: R.BLUETOOTH_MISSING in room.notes())
            second.frozen = True
            room.air.error = None
            took_s = await room.until(lambda: room.link.status()[1].state == "searching")
            # of silence, if that is still to be noticed, and of waiting for a report
            assert took_s < (3 if noticed_later else 0) + 2.5
            for device in (first, second):
                device.disconnect_hangs = False
                device.come_back()
            assert await room.streaming() < 8

    run(story())


@pytest.mark.parametrize("error", [NotImplementedError(), BleakError("nobody knows"), TimeoutError()])
def test_a_system_that_does_not_say_what_it_holds_is_no_trouble(error: BaseException) -> None:
    async def story() -> None:
        room = Room()
        room.with_adapter = True
        room.air.adapter_error = error
        async with room.running():
            assert await room.streaming() < 3
        assert room.notes() == []

    run(story())


@pytest.mark.parametrize("where", ["heard", "samples", "dropped", "tick"])
def test_a_mistake_of_our_own_is_said_and_the_others_go_on(
    where: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        room = Room(("force-1", "force-2"))

        def broken(*_: object, **__: object) -> None:
            raise ZeroDivisionError(f"at {room.device.address}")

        async with room.running():
            machine = room.link._sensors["force-1"].machine
            if where == "dropped":
                await room.streaming()
            with monkeypatch.context() as patch:
                patch.setattr(machine, where, broken)
                if where == "dropped":
                    room.device.drop()
                await room.until(lambda: R.INTERNAL in room.notes())
                if where != "tick":
                    await room.until(lambda: room.link.status()[1].state == "streaming")
                assert len([r for r in room.notes() if r is R.INTERNAL]) == 1
            await room.streaming()
        assert "ZeroDivisionError" in caplog.text
        assert room.device.address not in caplog.text

    run(story())


def test_a_loop_that_was_held_up_blames_no_sensor() -> None:
    async def story() -> None:
        room = Room()
        room.device.every_s = 2.5  # after being held up for long, the next packet is a while away
        async with room.running():
            await room.streaming()
            for _ in range(5):
                await asyncio.sleep(7.3)
                asyncio.get_running_loop().call_soon(stand_still, 10.0)
            await asyncio.sleep(5)
            assert room.notes() == []
            assert not room.of(Lost)

    run(story())


def test_what_bleak_logs_has_no_addresses() -> None:
    texts: list[str] = []

    class Root(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            texts.append(record.getMessage())

    async def story() -> None:
        room = Room()
        async with room.running():
            path = "/org/bluez/hci0/dev_" + room.device.address.replace(":", "_")
            logging.getLogger("bleak.backends.bluezdbus.client").warning("Failed to cancel (%s)", path)

    root = Root()
    logging.getLogger().addHandler(root)
    try:
        run(story())
    finally:
        logging.getLogger().removeHandler(root)
    assert texts == ["bleak.backends.bluezdbus.client: Failed to cancel (/org/bluez/hci0/dev_(address))"]


def test_without_bluetooth_the_link_waits_and_says_why() -> None:
    async def story() -> None:
        room = Room()
        room.air.error = FileNotFoundError(2, "No such file or directory")
        async with room.running():
            await asyncio.sleep(100)
            (note,) = room.of(StationNoted)
            assert note.reason is R.BLUETOOTH_MISSING
            assert "systemctl" in note.advice
            room.air.error = None
            assert await room.streaming() < 5

    run(story())


def test_a_scanner_that_hangs_is_given_up() -> None:
    async def story() -> None:
        room = Room()
        room.air.scanner_hangs = True
        async with room.running():
            await asyncio.sleep(15)
            assert room.notes() == [R.BLUETOOTH_FAILED]
            room.air.scanner_hangs = False
            assert await room.streaming() < 20

    run(story())


@pytest.mark.parametrize("seed", [0, *(pytest.param(i, marks=pytest.mark.long) for i in range(1, 30))])
def test_whatever_happens_in_whatever_order_it_comes_back(seed: int) -> None:
    """Twelve minutes of random trouble; then all is well, and all sensors stream within a minute."""

    async def story() -> None:
        chance = random.Random(seed)
        room = Room(("force-1", "force-2", "force-3"))

        def trouble() -> None:
            device = chance.choice(list(room.devices.values()))
            match chance.randrange(10):
                case 0 | 1:
                    device.drop()
                case 2:
                    device.vanish()
                case 3:
                    device.come_back()
                case 4:
                    room.air.switch_off()
                case 5:
                    room.air.powered = True
                case 6:
                    device.connect_hangs = not device.connect_hangs
                case 7:
                    device.connect_error = chance.choice([None, *[error for error, _ in ERRORS[:-1]]])
                case 8:
                    device.sends_data = not device.sends_data
                case 9:
                    room.air.scanner_hangs = not room.air.scanner_hangs

        async with room.running():
            for _ in range(120):
                await asyncio.sleep(chance.expovariate(1 / 6.0))
                trouble()
            for device in room.devices.values():
                device.connect_hangs, device.connect_error, device.sends_data = False, None, True
                device.come_back()
                device.drop()
            room.air.powered, room.air.scanner_hangs = True, False
            await room.streaming(within_s=90)
            assert R.INTERNAL not in room.notes()

    run(story())


def test_what_cannot_be_wanted_is_refused() -> None:
    profile = load_profile("tindeq-progressor")
    one = WantedSensor(setup=SensorSetup(sensor="a", profile=profile), address=ADDRESS.format(1))
    two = WantedSensor(setup=SensorSetup(sensor="b", profile=profile), address=ADDRESS.format(1).lower())
    csv = WantedSensor(setup=SensorSetup(sensor="c", profile=load_profile("recorded-csv")), address="x")

    async def make(*wanted: WantedSensor) -> None:
        BluetoothLink(wanted, Mailbox())

    with pytest.raises(InputError, match="bound twice"):
        run(make(one, two))
    with pytest.raises(InputError, match="no Bluetooth device"):
        run(make(csv))
