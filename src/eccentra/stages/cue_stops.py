"""In-set stop rules: repetitions in which control was lost, force that fell, a severe fault that stays.

Each rule speaks once a set. A repetition's numbers are looked at when they are decided.
"""

from __future__ import annotations

from eccentra.ids import CueId, Flag
from eccentra.repetition import Force, Repetition
from eccentra.stages.cue_rules import StopRule

__all__ = ["SetWatch"]

_UNSURE = {Flag.GAP_INSIDE, Flag.FORCE_MISSING, Flag.BASELINE_UNSETTLED}

Stop = tuple[CueId, str]


class SetWatch:
    """What happened in the open set.

    Attributes
    ----------
    stopped
        A stop was told: nothing else is said until the set is over.
    """

    def __init__(self, rule: StopRule) -> None:
        self.stopped = False
        self._rule = rule
        self._told: set[CueId] = set()
        self._falls: dict[int, bool] = {}
        self._sides = 0
        self._peaks: dict[int, float] = {}
        self._said_faults: dict[str, int] = {}
        self._again: dict[str, set[int]] = {}

    def counted(self, index: int, *, fell: bool) -> Stop | None:
        """A repetition was counted; ``fell``: control was lost in it."""
        self._falls[index] = fell
        return self._check_falls(index)

    def taken_back(self, index: int) -> None:
        """A repetition was none."""
        self._falls.pop(index, None)
        self._peaks.pop(index, None)
        for indices in self._again.values():
            indices.discard(index)

    def completed(self, rep: Repetition, severe: set[str], *, fell: bool) -> Stop | None:
        """The numbers of a repetition are final.

        Parameters
        ----------
        severe
            Its severe faults.
        fell
            Control was lost in it, before the end of the movement.
        """
        self._falls[rep.index] = self._falls.get(rep.index, False) or fell
        return self._check_falls(rep.index) or self._check_force(rep) or self._check_faults(rep, severe)

    def said(self, fault: str, index: int) -> None:
        """A fault was told during or after the repetition ``index``; later ones count."""
        self._said_faults.setdefault(fault, index)

    def tell_once(self, cue: CueId) -> bool:
        """Whether this stop rule has not spoken in this set; it has then."""
        if cue in self._told:
            return False
        self._told.add(cue)
        self.stopped = True
        return True

    def _check_falls(self, index: int) -> Stop | None:
        wanted = self._rule.free_falls
        row = sorted(one for one in self._falls if one <= index)[-wanted:]
        if len(row) < wanted or not all(self._falls[one] for one in row):
            return None
        return CueId.STOP_FREE_FALLS, f"Stop the set. Control was lost {_times(wanted)}."

    def _check_force(self, rep: Repetition) -> Stop | None:
        forces = [force for force in (rep.force_left, rep.force_right) if force is not None]
        self._sides = max(self._sides, len(forces))
        if not rep.valid or not forces or len(forces) < self._sides or _UNSURE & set(rep.flags):
            return None
        peak = _peak(forces)
        best = max(self._peaks.values(), default=peak)
        self._peaks[rep.index] = peak
        if 1.0 - peak / best <= self._rule.force_loss if best > 0.0 else True:
            return None
        share = round(100.0 * (1.0 - peak / best))
        return CueId.STOP_FORCE_LOSS, f"Stop the set. Force has fallen by {share} percent."

    def _check_faults(self, rep: Repetition, severe: set[str]) -> Stop | None:
        for fault in sorted(severe):
            said = self._said_faults.get(fault)
            if said is None or rep.index <= said:
                continue
            again = self._again.setdefault(fault, set())
            again.add(rep.index)
            if len(again) >= self._rule.same_fault:
                return CueId.STOP_FAULT_REPEATED, "Stop the set. The same fault stays."
        return None


def _peak(forces: list[Force]) -> float:
    """Both sides together; one side where there is one."""
    return sum(force.peak_n for force in forces)


def _times(number: int) -> str:
    return "twice in a row" if number == 2 else f"{number} times in a row"
