"""What a hub publishes when it asks people how the next morning is. Pure.

Open questions of a person are retained, so that a form or an automation can show them whenever it comes; each
asking is an event too, so that a phone can ring. The answer is the hub's command ``report``.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

__all__ = ["QUESTION_ASKED", "OpenQuestion", "QuestionAsked", "QuestionsState"]

QUESTION_ASKED: Final = "question.asked"


class OpenQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """A question that was asked and not answered.

    Attributes
    ----------
    kind
        Give it as ``kind`` in the command ``report``.
    session
        The last session that it is about.
    since, until
        From when it is asked, and until when an answer counts.
    asked
        How often it was asked.
    """

    id: str
    kind: Literal["next_morning"]
    session: str
    since: str
    until: str
    asked: int


class QuestionsState(msgspec.Struct, frozen=True, kw_only=True):
    """What a person is asked now; ``waiting`` is how many questions that is."""

    schema: str = "eccentra.questions/1"
    time: str | None
    athlete: str
    waiting: int
    questions: tuple[OpenQuestion, ...]


class QuestionAsked(msgspec.Struct, frozen=True, kw_only=True):
    """A person is asked, for the ``number``-th time; ``answer_to`` is the topic of the answering command."""

    event_type: Literal["question.asked"] = QUESTION_ASKED
    athlete: str
    number: int
    answer_to: str
    question: OpenQuestion
