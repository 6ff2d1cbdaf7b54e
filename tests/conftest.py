"""Settings of the suite: property tests are the same on every run, so that CI cannot flicker."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from hypothesis import HealthCheck, settings

# helpers of the tests, and the benchmarks, which some tests run a small part of
sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent / "benchmarks")]

_SAME_EACH_TIME = {
    "derandomize": True,
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow],
}
settings.register_profile("eccentra", max_examples=25, **_SAME_EACH_TIME)
# with the long tests
settings.register_profile("thorough", max_examples=100, **_SAME_EACH_TIME)
settings.register_profile("search", max_examples=1000, deadline=None, derandomize=False)
settings.load_profile(os.environ.get("ECCENTRA_HYPOTHESIS", "eccentra"))
