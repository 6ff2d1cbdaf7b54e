"""Which requests were carried out, so that none is twice."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence

from eccentra.commands import Answer, Request
from eccentra.events import Numbered

__all__ = ["Requests"]

# More than can come in the ten seconds for which a command is valid: older ones are refused as late.
_MOST = 16_384


class Requests:
    """Answers by request id, the last of them."""

    def __init__(self) -> None:
        self._answers: OrderedDict[str, Answer] = OrderedDict()

    def before(self, request: Request) -> Answer | None:
        """The answer to the same request when it came before."""
        known = self._answers.get(request.id)
        if known is None or known.status != "done":
            return known
        message = f"this request was carried out before: {known.message}"
        return Answer(request=request.id, status="done", reason="again", message=message, events=known.events)

    def done(self, request: Request, events: Sequence[Numbered]) -> Answer:
        """The answer to a request that was carried out."""
        return Answer(
            request=request.id,
            status="done",
            reason="done",
            message=f"{request.verb}: done",
            events=tuple(numbered.id for numbered in events),
        )

    def remember(self, answer: Answer) -> None:
        """Keep an answer."""
        if answer.request is not None:
            self._answers[answer.request] = answer
        while len(self._answers) > _MOST:
            self._answers.popitem(last=False)

    def done_before(self, requests: Iterable[str]) -> None:
        """Requests of a recovered session: carried out by an earlier process."""
        for one in requests:
            self.remember(
                Answer(request=one, status="done", reason="done", message="before the interruption")
            )
