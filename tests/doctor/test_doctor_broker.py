"""What the doctor says of brokers: real Mosquitto and the embedded one, each cause made to happen."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from eccentra.doctor import broker as doctor
from eccentra.doctor.finding import Finding
from eccentra.mqtt.broker import EmbeddedBroker
from needs import need_program

PASSWORD = "q1-hush"
HERE = x509.IPAddress(ip_address("127.0.0.1"))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


class Mosquitto:
    def __init__(self, folder: Path, settings: str) -> None:
        self.port = free_port()
        program = need_program("mosquitto", "apt install mosquitto")
        config = folder / "doctor.conf"
        config.write_text(f"user root\npersistence false\nlistener {self.port} 127.0.0.1\n{settings}")
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen([program, "-c", str(config)], stdout=log, stderr=log)
        for _ in range(250):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise AssertionError((folder / "log").read_text())

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(5)


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Callable[[str], int]]:
    started: list[Mosquitto] = []

    def start(settings: str) -> int:
        started.append(Mosquitto(tmp_path, settings))
        return started[-1].port

    yield start
    for one in started:
        one.stop()


@pytest.fixture
def passwords(tmp_path: Path) -> str:
    made = need_program("mosquitto_passwd", "apt install mosquitto")
    subprocess.run([made, "-c", "-b", str(tmp_path / "passwords"), "ann", PASSWORD], check=True, timeout=20)
    return f"allow_anonymous false\npassword_file {tmp_path}/passwords\n"


def certificate(folder: Path, name: x509.GeneralName, days: int = 2) -> str:
    """A self-signed certificate; what Mosquitto needs to use it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker")])
    end = datetime.now(UTC) + timedelta(days=days)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(end - timedelta(days=5))
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([name]), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(key.private_bytes(*secret))
    (folder / "cert.pem").write_bytes(made.public_bytes(Encoding.PEM))
    return f"allow_anonymous true\ncertfile {folder}/cert.pem\nkeyfile {folder}/key.pem\n"


def check(url: str | None) -> dict[str, Finding]:
    found = {finding.check: finding for finding in doctor.check_broker(url)}
    for finding in found.values():
        assert (finding.state == "failed") == bool(finding.advice)
        assert PASSWORD not in finding.found + finding.advice
    assert [f.state for f in found.values()].count("failed") <= 1, "the first failure ends it"
    return found


def failure(url: str | None) -> tuple[str, str, str]:
    (bad,) = [f for f in check(url).values() if f.state == "failed"]
    return bad.check, bad.found, bad.advice


def test_a_good_broker(mosquitto: Callable[[str], int]) -> None:
    found = check(f"mqtt://127.0.0.1:{mosquitto('allow_anonymous true')}")
    assert list(found) == ["broker.connect", "broker.login", "broker.deliver", "broker.retained"]
    assert {f.state for f in found.values()} == {"ok"}


def test_the_embedded_broker() -> None:
    found = check("embedded://:0")
    assert list(found) == ["broker.embedded", "broker.login", "broker.deliver", "broker.retained"]
    assert {f.state for f in found.values()} == {"ok"}


def test_no_url_takes_the_broker_here_or_the_embedded_one(
    mosquitto: Callable[[str], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_USUAL", ("127.0.0.1", free_port()))
    assert "broker.embedded" in check(None)


def test_a_port_that_is_taken_by_another_program() -> None:
    with EmbeddedBroker(0) as broker:
        what, found, advice = failure(f"embedded://:{broker.port}")
    assert what == "broker.embedded"
    assert "cannot listen" in found
    assert "mqtt://127.0.0.1" in advice


@pytest.mark.parametrize("url", ["gopher://x", "mqtt://", "mqtt://example.org", "mqtts://h?ca=/nowhere"])
def test_a_wrong_url(url: str) -> None:
    assert failure(url)[0] == "broker.url"


def test_nobody_listens() -> None:
    what, found, advice = failure(f"mqtt://127.0.0.1:{free_port()}")
    assert what == "broker.connect"
    assert "nobody listens" in found
    assert "start the broker" in advice


def test_an_unknown_name() -> None:
    what, found, _ = failure("mqtts://nobody.invalid")
    assert what == "broker.connect"
    assert "no computer is known by the name nobody.invalid" in found


def test_a_computer_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> socket.socket:
        raise TimeoutError

    monkeypatch.setattr(doctor.socket, "create_connection", never)
    what, found, advice = failure("mqtts://192.0.2.1")
    assert (what, "within 5 s" in found, "firewall" in advice) == ("broker.connect", True, True)


def test_a_wrong_password_and_no_password(mosquitto: Callable[[str], int], passwords: str) -> None:
    port = mosquitto(passwords)
    assert not any(f.state == "failed" for f in check(f"mqtt://ann:{PASSWORD}@127.0.0.1:{port}").values())
    for who in ("ann:wrong@", "bob:wrong@", ""):
        what, found, advice = failure(f"mqtt://{who}127.0.0.1:{port}")
        assert what == "broker.login"
        assert "refuses us" in found
        assert "USER:PASSWORD" in advice


def test_topic_rules_that_forbid_it(
    mosquitto: Callable[[str], int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_ANSWER_S", 1.0)
    (tmp_path / "acl").write_text("topic read eccentra/v1/#\n")
    port = mosquitto(f"allow_anonymous true\nacl_file {tmp_path}/acl")
    what, _, advice = failure(f"mqtt://127.0.0.1:{port}")
    assert what == "broker.deliver"
    assert "eccentra/v1/#" in advice


def test_a_broker_that_keeps_nothing(
    mosquitto: Callable[[str], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_ANSWER_S", 1.5)
    settings = "allow_anonymous true\nretain_available false"
    what, _, advice = failure(f"mqtt://127.0.0.1:{mosquitto(settings)}")
    assert what == "broker.retained"
    assert "retain_available true" in advice


@pytest.mark.parametrize(
    ("name", "days", "trusted", "words"),
    [
        (HERE, 2, False, "?ca=FILE"),
        (x509.DNSName("other.example"), 2, True, "the name that stands in"),
        (HERE, -1, True, "renew"),
    ],
    ids=["unknown CA", "other name", "expired"],
)
def test_certificates_that_are_refused(
    mosquitto: Callable[[str], int],
    tmp_path: Path,
    name: x509.GeneralName,
    days: int,
    trusted: bool,
    words: str,
) -> None:
    port = mosquitto(certificate(tmp_path, name, days))
    ca = f"?ca={tmp_path}/cert.pem" if trusted else ""
    what, found, advice = failure(f"mqtts://127.0.0.1:{port}{ca}")
    assert what == "broker.tls"
    assert "certificate is refused" in found
    assert words in advice


def test_tls_that_is_trusted(mosquitto: Callable[[str], int], tmp_path: Path) -> None:
    port = mosquitto(certificate(tmp_path, HERE))
    found = check(f"mqtts://127.0.0.1:{port}?ca={tmp_path}/cert.pem")
    assert {f.state for f in found.values()} == {"ok"}
    assert "TLS" in found["broker.tls"].found


def test_a_broker_without_tls_asked_for_tls(mosquitto: Callable[[str], int]) -> None:
    what, found, advice = failure(f"mqtts://127.0.0.1:{mosquitto('allow_anonymous true')}")
    assert what == "broker.tls"
    assert "no TLS connection" in found
    assert "8883" in advice


@pytest.mark.parametrize("closes", [True, False])
def test_something_else_that_listens(closes: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_ANSWER_S", 0.7)
    kept: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                if closes:
                    connection.close()
                else:
                    kept.append(connection)

        threading.Thread(target=accept, daemon=True).start()
        what, _, advice = failure(f"mqtt://127.0.0.1:{listening.getsockname()[1]}")
    assert what == "broker.login"
    assert "MQTT broker's port" in advice
