"""The tables. Times of events are microseconds since 1970 in UTC, days are dates, documents are JSON text.

A document is kept as the text that was published or decided, byte for byte, so that it can be compared and
hashed; what is asked for often has a column of its own.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

__all__ = [
    "annotation",
    "approval",
    "audit",
    "decision",
    "event",
    "metadata",
    "person",
    "plan_state",
    "prescription",
    "programme",
    "question",
    "question_state",
    "repetition",
    "reported",
    "review",
    "session",
    "set_result",
    "setting",
]

# named, because SQLite cannot drop what has no name
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_ID = String(64)

person = Table(
    "person",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("mode", String(16), nullable=False),
    Column("profile", String(16), nullable=False),
    Column("stage", Integer, nullable=False),
    Column("since", Date, nullable=False),
    Column("body_mass_kg", Float),
    Column("details", Text, nullable=False, server_default="{}"),
    CheckConstraint("mode IN ('clinic', 'prevention')", name="mode"),
    CheckConstraint("stage BETWEEN 1 AND 4", name="stage"),
)
"""People by pseudonym. ``details``: intake, goals, consent, as JSON; never a name."""

programme = Table(
    "programme",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("person", _ID, ForeignKey("person.id", ondelete="CASCADE"), nullable=False),
    Column("template", String(64)),
    Column("started", Date, nullable=False),
    Column("weeks", Integer, nullable=False),
    Column("ended", Date),
    Column("end_reason", Text),
    Column("details", Text, nullable=False, server_default="{}"),
    Index(None, "person"),
)
"""What a person follows: a published programme or a free one, with its length and how it ended."""

prescription = Table(
    "prescription",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("person", _ID, ForeignKey("person.id", ondelete="CASCADE"), nullable=False),
    Column("programme", _ID, ForeignKey("programme.id", ondelete="CASCADE")),
    Column("exercise", String(64), nullable=False),
    Column("level", Integer, nullable=False),
    Column("from_us", BigInteger, nullable=False),
    Column("until_us", BigInteger),
    Column("body", Text, nullable=False),
    Column("author", _ID, nullable=False),
    Column("approved_by", _ID),
    Column("decision", _ID),
    Column("reason", Text),
    Index(None, "person", "exercise", "from_us"),
)
"""Accepted prescriptions; the one in force has no ``until_us``. ``level`` counts the steps of the plan."""

plan_state = Table(
    "plan_state",
    metadata,
    Column("person", _ID, ForeignKey("person.id", ondelete="CASCADE"), primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("published", Integer, nullable=False, server_default="0"),
)
"""Whose plan changed how often, and which of it the broker has acknowledged."""

question = Table(
    "question",
    metadata,
    Column("id", String(160), primary_key=True),
    Column("person", _ID, ForeignKey("person.id", ondelete="CASCADE"), nullable=False),
    Column("session", _ID, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("due", Date, nullable=False),
    Column("due_us", BigInteger, nullable=False),
    Column("ended_us", BigInteger, nullable=False),
    Column("until_us", BigInteger, nullable=False),
    Column("asked", Integer, nullable=False),
    Column("asked_us", BigInteger),
    Column("announced", Integer, nullable=False),
    Column("outcome", String(12)),
    Column("closed_us", BigInteger),
    CheckConstraint("outcome IN ('answered', 'missing')", name="outcome"),
    Index(None, "person", "ended_us"),
    Index(None, "outcome"),
)
"""What people are asked: from when, until when, how often it was, and what came of it."""

question_state = Table(
    "question_state",
    metadata,
    Column("person", _ID, ForeignKey("person.id", ondelete="CASCADE"), primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("published", Integer, nullable=False, server_default="0"),
)
"""Whose open questions changed how often, and which of it the broker has acknowledged."""

session = Table(
    "session",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("person", _ID),
    Column("source", Text),
    Column("exercise", String(64)),
    Column("began_us", BigInteger),
    Column("ended_us", BigInteger),
    Column("why_ended", String(16)),
    Column("supervised", String(16)),
    Column("last_seq", Integer),
    Index(None, "person", "began_us"),
)
"""Sessions. A row may exist before its first event came; ``last_seq`` is the number of ``session.ended``."""

event = Table(
    "event",
    metadata,
    Column("session", _ID, primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("type", String(40), nullable=False),
    Column("at_us", BigInteger),
    Column("body", Text, nullable=False),
    Index(None, "session", "type"),
)
"""Every event as it was published; the same number twice is the same event."""

set_result = Table(
    "set_result",
    metadata,
    Column("session", _ID, primary_key=True),
    Column("set_index", Integer, primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("at_us", BigInteger),
    Column("reps_counted", Integer, nullable=False),
    Column("reps_valid", Integer, nullable=False),
    Column("tut_s", Float),
    Column("body", Text, nullable=False),
)
"""Sets as ``set.completed`` told them."""

repetition = Table(
    "repetition",
    metadata,
    Column("session", _ID, primary_key=True),
    Column("set_index", Integer, primary_key=True),
    Column("rep_index", Integer, primary_key=True),
    Column("seq", Integer),
    Column("valid", Boolean),
    Column("amended_seq", Integer),
    Column("counted", Boolean, nullable=False),
    Column("tut_s", Float),
    Column("eccentric_s", Float),
    Column("body", Text),
)
"""Repetitions; an amendment may come before what it amends, then ``seq`` and the numbers are still null."""

reported = Table(
    "reported",
    metadata,
    Column("id", String(160), primary_key=True),
    Column("person", _ID),
    Column("session", _ID),
    Column("exercise", String(64)),
    Column("kind", String(20), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Index(None, "person", "at_us"),
    Index(None, "session"),
)
"""What people said: before, during, after, the next morning, scores of questionnaires, notes."""

decision = Table(
    "decision",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("person", _ID, ForeignKey("person.id", ondelete="CASCADE"), nullable=False),
    Column("exercise", String(64), nullable=False),
    Column("session", _ID),
    Column("at_us", BigInteger, nullable=False),
    Column("row", Integer, nullable=False),
    Column("action", String(10), nullable=False),
    Column("provisional", Boolean, nullable=False),
    Column("locked", Boolean, nullable=False),
    Column("needs_approval", Boolean, nullable=False),
    Column("status", String(12), nullable=False),
    Column("input", Text, nullable=False),
    Column("output", Text, nullable=False),
    Column("version", String(64), nullable=False),
    Column("published_us", BigInteger),
    Column("supersedes", _ID),
    CheckConstraint(
        "status IN ('open', 'accepted', 'edited', 'refused', 'superseded')",
        name="status",
    ),
    Index(None, "person", "exercise", "at_us"),
    Index(None, "status"),
)
"""Decisions with all they were made from; ``version`` names thresholds and software."""

approval = Table(
    "approval",
    metadata,
    Column("id", String(160), primary_key=True),
    Column("decision", _ID, ForeignKey("decision.id", ondelete="CASCADE"), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("who", _ID, nullable=False),
    Column("role", String(12), nullable=False),
    Column("verdict", String(10), nullable=False),
    Column("body", Text),
    Column("reason", Text),
    Column("published_us", BigInteger),
    Index(None, "decision"),
)
"""What people answered to a decision; the id is that of their request."""

review = Table(
    "review",
    metadata,
    Column("id", String(160), primary_key=True),
    Column("person", _ID, ForeignKey("person.id", ondelete="CASCADE"), nullable=False),
    Column("programme", _ID),
    Column("kind", String(20), nullable=False),
    Column("due", Date, nullable=False),
    Column("done_us", BigInteger),
    Column("outcome", String(20)),
    Column("body", Text, nullable=False, server_default="{}"),
    Column("published_us", BigInteger),
    Index(None, "person", "due"),
)
"""Checks of the calendar: when due, what came out, who looked."""

annotation = Table(
    "annotation",
    metadata,
    Column("id", String(160), primary_key=True),
    Column("session", _ID, nullable=False),
    Column("set_index", Integer),
    Column("rep_index", Integer),
    Column("at_us", BigInteger, nullable=False),
    Column("who", _ID, nullable=False),
    Column("kind", String(12), nullable=False),
    Column("text", Text, nullable=False),
    Index(None, "session"),
)
"""What a therapist noted beside a set or repetition: accepted, amended, a remark."""

setting = Table(
    "setting",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("value", Text, nullable=False),
    Column("who", _ID, nullable=False),
    Column("at_us", BigInteger, nullable=False),
)
"""Settings that a person answers for, such as ``suggestions``."""

audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("at_us", BigInteger, nullable=False),
    Column("who", _ID, nullable=False),
    Column("what", String(40), nullable=False),
    Column("subject", String(160), nullable=False),
    Column("detail", Text),
    Index(None, "subject"),
)
"""Who did what to which record, without its content; only ever added to."""
