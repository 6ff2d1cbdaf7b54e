"""What is said of a sensor that is not where it should be: what was seen, and what to do."""

from __future__ import annotations

from eccentra.events import CalibrationFailed, Event, Flag, QualityNoted
from eccentra.stages.placement_slip import Turned

__all__ = ["misplaced_events", "turned_events"]


def turned_events(name: str, sensor: str | None, one: Turned, t_us: int) -> tuple[Flag, list[Event]]:
    """Flag and events of a sensor that turned; ``name`` is its segment."""
    flag = Flag.UPSIDE_DOWN if one.over else Flag.STRAP_SLIPPED
    when = "since the last set" if one.between else "during the set"
    how = "was turned over" if one.over else f"turned by about {round(one.by_deg, -1):.0f} degrees"
    noted = QualityNoted(t_us=t_us, flag=flag, sensor=sensor, detail=f"the {name} sensor {how} {when}")
    failed = CalibrationFailed(
        t_us=t_us,
        what=f"{name} sensor",
        reason=flag,
        instruction=f"The {name} sensor {how} {when}. Put it back in place, tighten its strap, "
        "and stay still in the start pose for two seconds.",
        sensor=sensor,
    )
    return flag, [noted, failed]


def misplaced_events(name: str, sensor: str | None, places: tuple[str, ...], t_us: int) -> list[Event]:
    """Events of a sensor that moves like one on other segments."""
    detail = f"the sensor said to be on the {name} moves like one on the {' or '.join(places)}"
    noted = QualityNoted(t_us=t_us, flag=Flag.WRONG_SEGMENT, sensor=sensor, detail=detail)
    failed = CalibrationFailed(
        t_us=t_us,
        what=f"{name} sensor",
        reason=Flag.WRONG_SEGMENT,
        instruction=f"Check where the sensors sit: {detail}. Move it to the {name}, then calibrate.",
        sensor=sensor,
    )
    return [noted, failed]
