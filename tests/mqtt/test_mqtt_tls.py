"""``mqtts://`` against Mosquitto with certificates made for the test, and a user with a password."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mqtt_parts import Mosquitto

from eccentra.errors import SinkError
from eccentra.mqtt.publisher import Publisher
from eccentra.stages.live import LiveState
from needs import need_program

PASSWORD = "q1-hush"


def certificates(folder: Path) -> Path:
    """A CA, and a certificate of 127.0.0.1 signed by it."""
    openssl = need_program("openssl", "apt install openssl")
    folder.mkdir()

    def run(*arguments: str) -> None:
        subprocess.run([openssl, *arguments], cwd=folder, check=True, capture_output=True, timeout=20)

    (folder / "san").write_text("subjectAltName=IP:127.0.0.1\n")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    run("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=test CA")
    run("req", *key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=127.0.0.1")
    signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "san", "-days", "2")
    run("x509", "-req", "-in", "server.csr", *signed, "-out", "server.pem")
    return folder


@pytest.fixture
def tls_broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """Mosquitto with TLS and one user."""
    folder = certificates(tmp_path / "certificates")
    passwords = tmp_path / "passwords"
    made = need_program("mosquitto_passwd", "apt install mosquitto")
    subprocess.run([made, "-c", "-b", str(passwords), "ann", PASSWORD], check=True, timeout=20)
    broker = Mosquitto(
        tmp_path,
        f"cafile {folder}/ca.pem\ncertfile {folder}/server.pem\nkeyfile {folder}/server.key\n"
        f"password_file {passwords}\n",
    )
    config = tmp_path / "mosquitto.conf"
    config.write_text(config.read_text().replace("allow_anonymous true", "allow_anonymous false"))
    broker.start()
    yield broker
    broker.stop()


def test_tls_with_a_named_ca_and_password(
    tls_broker: Mosquitto, tmp_path: Path, publish: Callable[..., Publisher], caplog: pytest.LogCaptureFixture
) -> None:
    ca = tmp_path / "certificates" / "ca.pem"
    with caplog.at_level(logging.DEBUG):
        publisher = publish(f"mqtts://ann:{PASSWORD}@127.0.0.1:{tls_broker.port}?ca={ca}")
        assert publisher.wait_connected(5), publisher.health()
        publisher.station("rack1").live(LiveState())
        assert publisher.flush(5)
    assert PASSWORD not in caplog.text


def test_an_unknown_ca_is_refused_with_the_reason(
    tls_broker: Mosquitto, publish: Callable[..., Publisher]
) -> None:
    publisher = publish(f"mqtts://ann:{PASSWORD}@127.0.0.1:{tls_broker.port}")
    with pytest.raises(SinkError, match="certificate verify failed") as caught:
        publisher.require_connected(1.0)
    assert PASSWORD not in str(caught.value)


def test_a_certificate_for_another_name_is_refused(
    tls_broker: Mosquitto, tmp_path: Path, publish: Callable[..., Publisher]
) -> None:
    ca = tmp_path / "certificates" / "ca.pem"
    publisher = publish(f"mqtts://ann:{PASSWORD}@localhost:{tls_broker.port}?ca={ca}")
    with pytest.raises(SinkError, match="certificate verify failed: Hostname mismatch"):
        publisher.require_connected(1.0)


def test_a_wrong_password_is_told_without_it(
    tls_broker: Mosquitto, tmp_path: Path, publish: Callable[..., Publisher], caplog: pytest.LogCaptureFixture
) -> None:
    ca = tmp_path / "certificates" / "ca.pem"
    publisher = publish(f"mqtts://ann:{PASSWORD}x@127.0.0.1:{tls_broker.port}?ca={ca}")
    with pytest.raises(SinkError, match="check user, password") as caught:
        publisher.require_connected(1.0)
    assert PASSWORD not in str(caught.value) + caplog.text
