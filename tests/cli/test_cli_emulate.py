"""``eccentra emulate``: what it says without a controller, and that it is a sensor with one."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from bleak import BleakClient, BleakScanner
from cli_parts import eccentra

from eccentra.link.virtual.air import Air
from eccentra.link.virtual.backend import Central, make_backend
from eccentra.profiles import load_profile
from hci_port import served

PROGRAM = Path(sys.executable).with_name("eccentra")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["movesense"], "--transport: is needed: a Bluetooth controller"),
        (["movesense", "tindeq-progressor", "--transport", "usb:0"], "given 1 times for 2 sensors"),
        (["nothing", "--transport", "usb:0"], "no such device; known are"),
        (["recorded-csv", "--transport", "usb:0"], "is no Bluetooth device"),
        (["movesense", "--transport", "nonsense"], "cannot be opened"),
        (
            ["movesense", "--transport", "usb:0", "--faults", "thigh:melt@3"],
            "kind is 'melt', expected one of",
        ),
        (["movesense", "--transport", "usb:0", "--faults", "left:drop@3"], "no such sensor; there are"),
        (["movesense", "--transport", "usb:0", "--exercise", "juggling"], "the demo simulates"),
        (
            ["tindeq-progressor"] * 3 + ["--transport", "tcp-client:127.0.0.1:1"],
            "at most 2 sensors of kind force",
        ),
    ],
)
def test_what_is_missing_is_one_line_and_status_2(args: list[str], said: str) -> None:
    done = eccentra("emulate", *args)
    assert done.exit_code == 2, done.output
    assert said in done.output
    assert "Traceback" not in done.output


def test_the_program_is_two_sensors_that_can_be_found_and_started() -> None:
    async def scene() -> str:
        air = Air()
        scanner, client_class = make_backend(await Central.switched_on(air))
        async with served(air) as transport, asyncio.timeout(90):
            command = [PROGRAM, "emulate", "movesense", "tindeq-progressor", "--transport", transport]
            program = await asyncio.create_subprocess_exec(
                *command, "--faults", "left:low_battery@0.5", stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            )
            try:
                found = {}
                while len(found) < 2:
                    for one in await BleakScanner.discover(0.3, backend=scanner):
                        if one.name:
                            found[one.name.split()[0].split("_")[0]] = one
                async with BleakClient(found["Progressor"], backend=client_class) as client:
                    await a_few_samples(client)
                program.send_signal(signal.SIGINT)
                said, _ = await program.communicate()
            finally:
                if program.returncode is None:
                    program.kill()
        assert program.returncode == 130
        return said.decode()

    said = asyncio.run(scene())
    assert "thigh: Movesense as 'Movesense 17453" in said
    assert "left: Progressor as 'Progressor_" in said
    assert "left: told 65" in said
    assert said.rstrip().endswith("stopped")
    assert "Traceback" not in said


async def a_few_samples(client: BleakClient) -> None:
    ble = load_profile("tindeq-progressor").ble
    heard = asyncio.Semaphore(0)
    await client.start_notify(ble.characteristics["data"], lambda _, data: heard.release())
    await client.write_gatt_char(ble.characteristics["control"], b"\x65", response=True)
    for _ in range(5):
        await heard.acquire()


def test_without_bumble_it_says_how_to_install_it() -> None:
    code = "import sys; sys.modules['bumble'] = None; from eccentra.cli import main; main()"
    command = [sys.executable, "-c", code, "emulate", "movesense", "--transport", "usb:0"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    expected = "eccentra: emulated sensors: need Bumble; install it with: pip install 'eccentra[emulate]'\n"
    assert done.stderr == expected
