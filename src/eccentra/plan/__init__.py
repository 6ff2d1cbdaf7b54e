"""The plan: from results, pain and effort to the next session, by rules that anybody can read.

Pure: no socket, no clock, no file but the rules themselves. What is decided is a function of the input, the
version of the thresholds, the exercise's record and the programme; the same input gives the same decision.

:mod:`~eccentra.plan.decision_input`
    What a decision is made from, and what is refused as impossible.
:mod:`~eccentra.plan.history`
    Sessions as days at the current level, and which of them were good.
:mod:`~eccentra.plan.rows`, :mod:`~eccentra.plan.limits`, :mod:`~eccentra.plan.steps`
    The table, the hard limits, and what one step is.
:mod:`~eccentra.plan.decide`
    All of it together.
:mod:`~eccentra.plan.what_if`
    What would change the answer.
"""
