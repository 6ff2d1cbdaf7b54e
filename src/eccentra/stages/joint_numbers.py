"""Names and units of the numbers of a joint repetition that rules may use."""

from __future__ import annotations

from eccentra.stages.rules import Spec

__all__ = ["METRICS", "SEGMENTS"]

SEGMENTS = ("thigh", "shank", "trunk", "pelvis", "wrist", "load")

# rom_share: of the calibrated range; last_third_ratio: speed of the last third of the eccentric way by its
# mean; stops: stops of half a second on the way; start_off, end_off: from the usual start, from the own one.
METRICS: dict[str, Spec] = {
    "eccentric_s": Spec("s"),
    "concentric_s": Spec("s"),
    "hold_s": Spec("s"),
    "tut_s": Spec("s"),
    "rom_deg": Spec("deg"),
    "rom_share": Spec("1"),
    "omega_mean_ecc_deg_s": Spec("deg/s"),
    "omega_peak_ecc_deg_s": Spec("deg/s"),
    "last_third_ratio": Spec("1"),
    "stops": Spec("1"),
    "start_off_deg": Spec("deg"),
    "end_off_deg": Spec("deg"),
    # courses: how far a segment has turned from its start pose, and out of the plane of its movement
    **{f"{segment}_turn_deg": Spec("deg", course=True) for segment in SEGMENTS},
    **{f"{segment}_off_plane_deg": Spec("deg", course=True) for segment in SEGMENTS},
}
