"""What a hub publishes beside plans and proposals: questions, answers, checks that are due. Pure.

Open questions of a person are retained, so that a form or an automation can show them whenever it comes; each
asking is an event too, so that a phone can ring. The answer is the hub's command ``report``.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

__all__ = [
    "PLAN_ANSWERED",
    "QUESTION_ASKED",
    "REVIEW_DUE",
    "OpenQuestion",
    "PlanAnswered",
    "QuestionAsked",
    "QuestionsState",
    "ReviewDue",
]

QUESTION_ASKED: Final = "question.asked"
PLAN_ANSWERED: Final = "plan.answered"
REVIEW_DUE: Final = "review.due"


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


class PlanAnswered(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody answered to a decision; what is prescribed then is in the retained plan."""

    event_type: Literal["plan.answered"] = PLAN_ANSWERED
    decision: str
    athlete: str
    exercise: str
    verdict: Literal["accept", "edit", "refuse", "unlock"]
    who: str
    role: Literal["therapist", "athlete"]
    reason: str | None


class ReviewDue(msgspec.Struct, frozen=True, kw_only=True):
    """A check of the calendar is due: somebody looks, and says what came out.

    Attributes
    ----------
    check, kind, due
        As ``plan show`` names it, its kind, its day.
    outcome, findings, prompts
        What the data say, what stands out, what a professional may consider; they decide.
    """

    event_type: Literal["review.due"] = REVIEW_DUE
    athlete: str
    check: str
    kind: str
    due: str
    outcome: str | None
    findings: tuple[str, ...]
    prompts: tuple[str, ...]
