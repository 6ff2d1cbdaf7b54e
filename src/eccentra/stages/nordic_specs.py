"""Names and units of the numbers of a Nordic curl that rules may use."""

from __future__ import annotations

from eccentra.stages.rules import Spec

__all__ = ["METRICS"]

METRICS: dict[str, Spec] = {
    # how far from the usual start pose it began, and how far it went
    "start_lean_deg": Spec("deg"),
    "lean_rom_deg": Spec("deg"),
    # knee flexion where the descent ended, of a descent that was controlled to its end
    "end_knee_flexion_deg": Spec("deg"),
    "eccentric_s": Spec("s"),
    # eccentric time by the wanted one
    "eccentric_share": Spec("1"),
    "omega_mean_ecc_deg_s": Spec("deg/s"),
    # knee flexion at the first moment that is a fall: faster than a multiple of the own controlled speed, and
    # than a speed that is one in anybody
    "fall_knee_flexion_deg": Spec("deg"),
    # moments on the way down at which it all but stopped
    "stops": Spec("1"),
    # largest way back up within the descent
    "reversal_deg": Spec("deg"),
    # largest turn of the shank, and its course
    "shank_change_deg": Spec("deg"),
    "shank_turn_deg": Spec("deg", course=True),
    # hip flexion and trunk against pelvis since the start
    "hip_flexion_deg": Spec("deg", course=True),
    "lumbar_extension_deg": Spec("deg", course=True),
    # side difference of the mean peak forces of this set's valid repetitions so far
    "asymmetry_pct": Spec("%"),
}
