"""Numbers over gaps of any worn sensor say so, and only those."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings

from cuts import cut, cut_places
from eccentra.events import Flag, Metric, Repetition, SetCompleted
from eccentra.samples import Block, StreamInfo
from eccentra.stages.gap_check import GapCheck

INFO = StreamInfo(
    stream="aligned",
    kind="aligned",
    channels=("thigh.up_x", "thigh.gap", "left.force", "left.gap"),
    units=("1", "1", "N", "1"),
    rate_hz=100.0,
)
N = 1000


def rep(start: float, end: float, decided: float | None = None) -> Repetition:
    return Repetition(
        set_index=1,
        index=1,
        start_us=round(start * 1e6),
        end_us=round(end * 1e6),
        decided_us=round((end if decided is None else decided) * 1e6),
        valid=True,
        reasons=(),
        phases=(),
        metrics={
            "bare": Metric(value=1.0, unit="s", method="m"),
            "stated": Metric(value=1.0, unit="s", method="m", uncertainty=0.1),
            "absent": Metric(
                value=None, unit="s", method="m", quality="missing", reason=Flag.FEW_REPETITIONS
            ),
        },
    )


def a_set(*reps: Repetition) -> SetCompleted:
    return SetCompleted(
        t_us=reps[-1].end_us,
        set_index=1,
        start_us=reps[0].start_us,
        end_us=reps[-1].end_us,
        decided_us=reps[-1].end_us,
        reps_counted=len(reps),
        reps_valid=len(reps),
        metrics=reps[0].metrics,
    )


def seen(x: np.ndarray, rows: slice | np.ndarray = slice(None), settle_s: float = 0.0) -> GapCheck:
    check = GapCheck(INFO, settle_s=settle_s)
    t = np.arange(len(x)) * 10_000_000
    check.see(Block("aligned", t[rows], x[rows]))
    return check


def holed(kind: str, settle_s: float = 0.0) -> GapCheck:
    """Rows of 10 s with a gap from 4.00 to 4.30 s."""
    x, rows = np.zeros((N, 4)), np.ones(N, dtype=bool)
    match kind:
        case "interpolated":
            x[400:430, 3] = 1.0
        case "one missing":
            x[400:430, 2:] = np.nan
        case "all missing":
            rows[400:430] = False
    return seen(x, rows, settle_s)


@pytest.mark.parametrize(
    ("kind", "flag"),
    [
        ("interpolated", Flag.GAP_INTERPOLATED),
        ("one missing", Flag.GAP_INSIDE),
        ("all missing", Flag.GAP_INSIDE),
    ],
)
def test_what_a_gap_touches_is_flagged(kind: str, flag: Flag) -> None:
    check = holed(kind)
    for one in (rep(3.0, 5.0), rep(4.1, 4.2), rep(2.0, 4.1), rep(4.2, 6.0)):
        looked = check.look(one)
        assert looked.flags == (flag,)
        assert (looked.metrics["bare"].quality, looked.metrics["bare"].reason) == ("flagged", flag)
        assert looked.metrics["bare"].value == 1.0
        assert looked.metrics["stated"].quality == ("ok" if kind == "interpolated" else "flagged")
        assert looked.metrics["absent"] == one.metrics["absent"]
    for one in (rep(1.0, 3.8), rep(4.5, 6.0)):
        assert check.look(one) == one


def test_a_repetition_that_begins_or_ends_beside_a_hole_is_flagged_whole() -> None:
    for one in (rep(4.3, 6.0), rep(4.4, 6.0), rep(2.0, 4.0, decided=4.2), rep(2.0, 3.9, decided=4.2)):
        looked = holed("one missing").look(one)
        assert looked.flags == (Flag.GAP_INSIDE,)
        assert {metric.quality for metric in looked.metrics.values()} == {"flagged", "missing"}
        assert looked.metrics["stated"].uncertainty == 0.1
        assert holed("interpolated").look(one) == one


def test_a_set_is_flagged_by_a_gap_between_repetitions() -> None:
    check = holed("interpolated")
    reps = [rep(2.0, 3.5), rep(4.5, 6.0)]
    assert [check.look(one) for one in reps] == reps
    done = check.close(a_set(*reps), reps)
    assert done.flags == (Flag.GAP_INTERPOLATED,)
    assert {name: metric.quality for name, metric in done.metrics.items()} == {
        "bare": "flagged",
        "stated": "flagged",
        "absent": "missing",
    }
    later = [rep(7.0, 8.0), rep(8.5, 9.5)]
    assert check.close(a_set(*later), later).flags == ()


def test_the_worse_is_told_first() -> None:
    x = np.zeros((N, 4))
    x[300:310, 1] = 1.0
    x[500:540, :2] = np.nan
    assert seen(x).look(rep(2.0, 6.0)).flags == (Flag.GAP_INSIDE,)
    assert seen(x).look(rep(2.0, 4.0)).flags == (Flag.GAP_INTERPOLATED,)


def test_a_sensor_not_heard_of_yet_is_no_gap_and_one_that_went_silent_is() -> None:
    x = np.zeros((N, 4))
    x[:300, 2:] = np.nan
    x[600:, 2:] = np.nan
    check = seen(x)
    assert check.look(rep(1.0, 2.5)).flags == ()
    assert check.look(rep(3.5, 5.5)).flags == ()
    assert check.look(rep(7.0, 9.0)).flags == (Flag.GAP_INSIDE,)


def test_rows_after_the_decision_change_nothing() -> None:
    """Its end may be extrapolated beyond the rows that were there."""
    one = rep(3.0, 4.1, decided=3.99)
    assert holed("interpolated").look(one) == holed("all missing").look(one) == one


X = np.zeros((N, 4))
X[100:120, 3] = 1.0
X[:90, :2] = np.nan
X[400:440, :2] = np.nan
X[430:445, 3] = 1.0
ROWS = np.ones(N, dtype=bool)
ROWS[700:740] = False
T, X = (np.arange(N) * 10_000_000)[ROWS], X[ROWS]
REPS = [rep(a / 2, a / 2 + length) for a in range(19) for length in (0.2, 0.5)]


def looked(at: list[int]) -> bytes:
    """Each repetition as it is when its last row has come, with whatever came with it."""
    check, out, waiting = GapCheck(INFO), [], list(REPS)
    waiting.sort(key=lambda one: one.decided_us)
    for piece in cut(Block("aligned", T, X), at):
        check.see(piece)
        while waiting and waiting[0].decided_us * 1000 <= piece.t[-1]:
            out.append(check.look(waiting.pop(0)))
    out += [check.look(one) for one in waiting]
    return msgspec.json.encode(out)


WHOLE = looked([])


@given(cut_places())
@settings(max_examples=50, deadline=None)
def test_cuts_change_nothing(at: list[int]) -> None:
    assert looked([place for place in at if place < len(T)]) == WHOLE


def test_single_rows_change_nothing() -> None:
    assert looked(list(range(1, len(T)))) == WHOLE


@pytest.mark.parametrize(
    ("kind", "after_s", "doubted"),
    [("all missing", 1.0, True), ("all missing", 3.5, False), ("one missing", 1.0, False)],
)
def test_orientation_settles_after_a_hole(kind: str, after_s: float, doubted: bool) -> None:
    """Numbers soon after a motion sensor came back say so, whatever their stated uncertainty."""
    check = holed(kind, settle_s=3.0)
    flags = check.look(rep(4.3 + after_s, 4.3 + after_s + 1.5)).flags
    assert (Flag.GAP_INSIDE in flags) == doubted
