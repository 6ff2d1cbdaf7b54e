"""How publishing goes: for who asks in the program, and for the node's ``info``."""

from __future__ import annotations

import msgspec

from eccentra import __version__
from eccentra.mqtt.payloads import NodeInfo

__all__ = ["Health"]

# A backlog worth saying.
_BACKLOG = 100


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How publishing goes.

    Attributes
    ----------
    connected
        The broker took our ``online``.
    unacknowledged
        Events and states that the broker has not acknowledged, waiting ones included.
    dropped
        Events that found the queue full: they are in the recording only. Never happens to events of a
        session with an outbox.
    oldest_unacked_age_s
        Age of the oldest unacknowledged message; a growing one with ``connected`` means a stalled broker.
    errors
        Mistakes inside callbacks, logged with their trace.
    last_error
        What went wrong last, in words, without passwords.
    outbox_depth, outbox_age_s
        Events in the outbox, and the age of the oldest; ``None`` without an outbox.
    outbox_missing
        Sessions some of whose events still have to be fetched from their files.
    restarts
        Connections that had gone silent and were replaced.
    commands_accepted, commands_repeated, commands_refused
        Commands that came; the refused ones by reason.
    """

    connected: bool
    unacknowledged: int
    dropped: int
    oldest_unacked_age_s: float | None
    errors: int
    last_error: str | None
    outbox_depth: int | None = None
    outbox_age_s: float | None = None
    outbox_missing: int = 0
    restarts: int = 0
    commands_accepted: int = 0
    commands_repeated: int = 0
    commands_refused: dict[str, int] = {}

    def told(self, *, started: str, stations: tuple[str, ...], capabilities: tuple[str, ...]) -> NodeInfo:
        """The same for the node's ``info``, without its time."""
        depth, age_s = self.outbox_depth, self.outbox_age_s
        return NodeInfo(
            time=None,
            started=started,
            software=f"eccentra {__version__}",
            stations=stations,
            capabilities=capabilities,
            # What is on its way in this moment is no backlog, and no reason to publish again.
            outbox_depth=depth if depth is None or depth >= _BACKLOG else 0,
            outbox_age_s=None if age_s is None or (depth or 0) < _BACKLOG else round(age_s, 1),
            outbox_missing=self.outbox_missing,
            commands_accepted=self.commands_accepted,
            commands_repeated=self.commands_repeated,
            commands_refused=sum(self.commands_refused.values()),
            commands_refused_by_reason=self.commands_refused,
        )
