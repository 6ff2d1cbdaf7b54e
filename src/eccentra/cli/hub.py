"""``eccentra hub``: results of all stations into one database, and plans back to them."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Annotated

import typer

from eccentra.cli.common import say

__all__ = ["hub"]


def hub(
    mqtt: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="embedded://, mqtt://HOST, mqtts://HOST. Default: the broker here, else embedded.",
        ),
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(metavar="URL", help="sqlite:///FILE or postgresql://... Default: in the user's folder."),
    ] = None,
    site: Annotated[str, typer.Option(help="Site id in topics.")] = "local",
    node: Annotated[str, typer.Option(help="The hub's id in topics; the same for all its workers.")] = "hub",
    share: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="This worker's own name among several on PostgreSQL; they share the load by shared "
            "subscriptions, which Mosquitto and clusters know.",
        ),
    ] = None,
    therapist: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="Who may act as therapist; once for each."),
    ] = None,
) -> None:
    """Keep the results of all stations, decide about the next sessions, publish the plans.

    Start it again after any end: nothing is lost that the broker or a station's session file holds.
    Who may send it commands is the business of the broker's access rules.
    """
    import signal
    import threading

    from eccentra.cli.alone import alone
    from eccentra.cli.broker import existing_or_embedded
    from eccentra.datafolder import user_folder
    from eccentra.errors import InputError, SinkError
    from eccentra.hub.node import Hub
    from eccentra.mqtt.contract import check_id
    from eccentra.store.database import open_store

    names = [check_id(one, "therapist") for one in therapist or ()]
    own = f"{check_id(site, 'site')}-{check_id(node, 'node')}"
    own += "" if share is None else f"-{check_id(share, 'share')}"
    with ExitStack() as stack:
        stack.enter_context(alone(user_folder(), own, "hub"))
        results = open_store(store)
        stack.callback(results.close)
        try:
            worker = Hub(
                mqtt or existing_or_embedded(), results, site=site, node=node, share=share, therapists=names
            )
        except SinkError as error:
            raise InputError("--mqtt", str(error)) from None
        ended = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: ended.set())
        with worker:
            say(f"hub {site}/{node} at {worker.address}; results in {results.engine.url!r}")
            if not names:
                say("nobody may act as therapist: name those who may with --therapist ID")
            ended.wait()
    numbers = ", ".join(f"{name} {worker.counts[name]}" for name in ("new", "refused", "decisions"))
    say(f"ended; events and decisions: {numbers}")
