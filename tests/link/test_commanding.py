"""Commands over one connection: steps, frames, pieces, answers of every kind, reads, refusals, time-outs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from eccentra.errors import LinkError
from eccentra.events import StationReason
from eccentra.link.commanding import Commander
from eccentra.profile_ble import Reply, Write
from eccentra.profiles import SensorSetup, load_profile


class Client:
    """What Bleak's client offers, and a sensor that answers at once or never."""

    def __init__(self, answer: Callable[[str, bytes], None] | None = None) -> None:
        self.writes: list[tuple[str, bytes, bool]] = []
        self.answer = answer

    async def write_gatt_char(self, to: Any, data: bytes, response: bool) -> None:
        self.writes.append((to.name, data, response))
        if self.answer is not None:
            self.answer(to.name, data)

    async def read_gatt_char(self, to: Any) -> bytearray:
        return bytearray(b"table of " + to.name.encode())


class Talk:
    """A commander, what it told and what came."""

    def __init__(self, *steps: Write, device: str = "tindeq-progressor", **changes: Any) -> None:
        profile = load_profile(device)
        assert profile.ble is not None
        commands = {**profile.ble.commands, "test": steps} if steps else profile.ble.commands
        ble = msgspec.structs.replace(profile.ble, commands=commands, **changes)
        setup = SensorSetup(sensor="s", profile=msgspec.structs.replace(profile, ble=ble))
        self.wrote: list[tuple[str, bytes]] = []
        self.came: list[tuple[str, bytes]] = []
        self.open = True
        self.client = Client()
        self.found: dict[str, Any] = {
            name: SimpleNamespace(name=name, properties=["write", "notify"]) for name in ble.characteristics
        }
        self.commander = Commander(
            setup,
            wrote=lambda to, data: self.wrote.append((to, data)),
            came=lambda on, data: self.came.append((on, data)),
            is_open=lambda: self.open,
        )

    def run(self, name: str = "test", answers: dict[bytes, list[bytes]] | None = None) -> None:
        """Carry out a command with a sensor that answers these writes."""

        def answer(_: str, data: bytes) -> None:
            for one in (answers or {}).get(data, []):
                self.commander.heard("data", one)

        self.client.answer = answer
        asyncio.run(self.commander.carry_out(name, self.client, self.found))  # type: ignore[arg-type]


def asked(reply: Reply, first: str = "6f") -> Talk:
    """A question whose answer is waited for, and what is written after it."""
    return Talk(Write(to="control", hex=first, reply=reply), Write(to="control", hex="65"))


QUICK = {"within_s": 0.05, "needed": True}


@pytest.mark.parametrize(
    ("reply", "question", "other", "right"),
    [
        (Reply(**QUICK), "6f", None, "00"),
        (Reply(echo=True, **QUICK), "05aa", "05ab", "05aa"),
        (Reply(prefix="0201", **QUICK), "05aa", "0302ff", "0201ff"),
        # a reference that the host chose; a rolling counter and the code of the command
        (Reply(prefix="01", same=((1, 1),), **QUICK), "0107ff", "0108c800", "0107c800"),
        (Reply(same=((5, 2), (4, 4)), **QUICK), "580500ff10", "980600001001", "980600001000"),
        (Reply(notice="battery_v", **QUICK), "6f", "01080000484140e20100", "000443100000"),
    ],
)
def test_an_answer_is_told_from_what_else_comes(
    reply: Reply, question: str, other: str | None, right: str
) -> None:
    sent = bytes.fromhex(question)
    talk = asked(reply, question)
    talk.run(answers={sent: [bytes.fromhex(one) for one in (other, right) if one is not None]})
    assert [data for _, data, _ in talk.client.writes] == [sent, b"\x65"]
    if other is not None:
        talk = asked(reply, question)
        with pytest.raises(LinkError, match="no answer to") as caught:
            talk.run(answers={sent: [bytes.fromhex(other)]})
        assert caught.value.reason is StationReason.COMMAND_FAILED
        assert len(talk.client.writes) == 1, "what comes next is not tried"


def test_an_answer_that_is_not_needed_is_not_insisted_on() -> None:
    talk = asked(Reply(within_s=0.02))
    talk.run()
    assert len(talk.client.writes) == 2


def test_a_refusal_is_said_with_what_was_answered() -> None:
    talk = asked(Reply(ok_at=1, ok="0002", **QUICK))
    with pytest.raises(LinkError, match="the sensor refused 6f: it answered f006"):
        talk.run(answers={b"\x6f": [bytes.fromhex("f006")]})
    talk = asked(Reply(ok_at=1, ok="0002", **QUICK))
    talk.run(answers={b"\x6f": [bytes.fromhex("f002")]})
    talk = asked(Reply(ok_at=1, ok="0002", **QUICK))
    with pytest.raises(LinkError, match="refused"):
        talk.run(answers={b"\x6f": [b"\xf0"]})


def test_what_is_written_is_told_whole_before_it_is_sent_in_pieces() -> None:
    talk = Talk(Write(to="control", hex="00" * 45), write_size=20, respond=False)
    talk.run()
    assert talk.wrote == [("control", bytes(45))]
    assert [(len(data), response) for _, data, response in talk.client.writes] == [
        (20, False),
        (20, False),
        (5, False),
    ]


def test_what_is_read_is_handed_over_and_what_a_unit_lacks_is_left_out() -> None:
    steps = (Write(to="data", read=True), Write(to="control", hex="65"))
    talk = Talk(*steps, readable=("data",), optional=("control",))
    del talk.found["control"]
    talk.run()
    assert talk.came == [("data", b"table of data")]
    assert talk.client.writes == []


def test_frames_have_a_counter_of_their_connection() -> None:
    talk = Talk(device="vernier-godirect")
    talk.run("init")
    talk.run("rate")
    assert [data.hex()[4:6] for _, data in talk.wrote] == ["fe", "fd"]
    talk.run("init")
    assert talk.wrote[-1][1].hex()[4:6] == "fe", "set back by the first command of a conversation"


def test_nothing_is_written_after_the_connection_was_given_up() -> None:
    talk = Talk(Write(to="control", hex="65"), Write(to="control", hex="66"))
    talk.open = False
    talk.run()
    assert talk.client.writes == []
    assert talk.wrote == []


def test_a_command_that_is_not_there_is_nothing_to_do() -> None:
    talk = Talk()
    talk.run("fly")
    assert talk.client.writes == []
