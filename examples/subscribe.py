"""Publish a simulated session to an embedded broker; subscribe to its repetitions with any MQTT client."""

from __future__ import annotations

import json
import threading
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from eccentra.exercises import load_exercise
from eccentra.mqtt.publisher import Publisher
from eccentra.session import Header, Session
from eccentra.simulate import nordic_session, simulate

TOPIC = "eccentra/v1/home/gym/station/+/event/rep"


def main() -> None:
    simulation = simulate(nordic_session(seed=3, kit="thigh", sets=1, reps=3), seed=3)
    session = Session(
        Header(
            session="example",
            exercise=load_exercise("nordic-curl"),
            sensors=simulation.setups,
            software="example",
        )
    )
    with Publisher("embedded://:0", site="home", node="gym") as publisher:
        publisher.require_connected(timeout_s=10)
        reader = subscribe(publisher.address.port)
        station = publisher.station("mat-1")
        station.handle(session.feed_many(simulation.inputs()))
        station.handle(session.finish())
        publisher.flush(timeout_s=10)
    reader.disconnect()
    reader.loop_stop()


def subscribe(port: int) -> paho.Client:
    ready = threading.Event()

    def subscribed(client: paho.Client, userdata: Any, mid: int, codes: Any, properties: Any) -> None:
        ready.set()

    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.on_subscribe = subscribed
    client.on_message = show
    client.connect("127.0.0.1", port)
    client.subscribe(TOPIC, qos=1)
    client.loop_start()
    ready.wait(10)
    return client


def show(client: paho.Client, userdata: Any, message: paho.MQTTMessage) -> None:
    event = json.loads(message.payload)["data"]
    if event["event_type"] == "rep.completed":
        rep = event["rep"]
        print(f"repetition {rep['index']}: time under tension {rep['metrics']['tut_s']['value']:.1f} s")


if __name__ == "__main__":
    main()
