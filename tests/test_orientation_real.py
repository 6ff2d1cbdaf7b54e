"""Inclination against optical motion capture: the trials of BROAD that are at hand, default parameters.

Floors: RMSE of the inclination at most 1.2 degrees in each trial and 0.7 degrees on average, while moving.
"""

from __future__ import annotations

import numpy as np
from motion_capture import Trial, eccentra_error_deg

from needs import need_data

WORST_DEG, MEAN_DEG = 1.2, 0.7


def test_inclination_against_motion_capture() -> None:
    paths = sorted(need_data("broad_orientation").glob("*.mat"))
    errors = {path.stem: eccentra_error_deg(Trial(path)) for path in paths}
    assert len(errors) == 3
    assert max(errors.values()) <= WORST_DEG, errors
    assert np.mean(list(errors.values())) <= MEAN_DEG, errors
