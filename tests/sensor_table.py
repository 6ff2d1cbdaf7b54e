"""The table of supported sensors, made from ``devices/*.toml``, between two marks of ``README.md``.

Run ``python tests/sensor_table.py`` to see whether it is current, with ``--write`` to make it anew.
"""

from __future__ import annotations

import sys
from pathlib import Path

from eccentra.profiles import DeviceProfile, load_profile, profile_ids

README = Path(__file__).resolve().parent.parent / "README.md"
BEGIN = "<!-- sensors: made by python tests/sensor_table.py --write -->"
END = "<!-- end of sensors -->"

_CLOCKS = {
    "per_sample": "time of each sample",
    "first_of_packet": "time of each packet",
    "last_of_packet": "time of each packet",
    "counter": "running number",
    "nominal": "none: loss unseen",
    "arrival": "none: loss unseen",
    "identity": "the file's own",
}
_KINDS = {
    "force": "force",
    "heart_rate": "heart rate",
    "raw": "raw counts only, no newtons or m/s²",
}


def measures(profile: DeviceProfile) -> str:
    """What its modes give, in words."""
    found = []
    # orientation and the like: no exercise is measured with it
    for mode in (one for one in profile.mode if one.kind != "other"):
        if mode.kind == "imu":
            parts = {"acc": "acceleration", "gyr": "rotation", "mag": "magnetic field"}
            word = ", ".join(
                w for start, w in parts.items() if any(c.startswith(start) for c in mode.channels)
            )
        else:
            word = _KINDS[mode.kind]
            if len(mode.channels) > 1:
                word += f" ({len(mode.channels)} channels)"
        if word not in found:
            found.append(word)
    return "; or ".join(found)


def rates(profile: DeviceProfile) -> str:
    """Nominal rate, and the others that can be chosen."""
    others = [f"{rate:g}" for rate in profile.rates_hz if rate != profile.rate_hz]
    return f"{profile.rate_hz:g}" + (f" ({', '.join(others)})" if others else "")


def row(profile: DeviceProfile) -> str:
    """One line of the table."""
    clock = _CLOCKS[profile.clock.kind]
    own = profile.name.startswith(profile.maker)
    name = profile.name if own else f"{profile.maker} {profile.name}"
    cells = (name, f"`{profile.id}`", measures(profile), rates(profile), clock, profile.knowledge)
    return f"| {' | '.join(cells)} |"


def table() -> str:
    """Marks and table."""
    profiles = [load_profile(name) for name in profile_ids()]
    order = {"force": 0, "imu": 1, "heart_rate": 2, "raw": 3}
    profiles.sort(key=lambda one: (one.ble is None, order[one.mode[0].kind], one.maker.lower(), one.name))
    head = "| sensor | id | measures | Hz | its own time | protocol known |"
    return "\n".join([BEGIN, "", head, "| --- " * 6 + "|", *map(row, profiles), "", END])


def with_table(text: str) -> str:
    """The page with the table anew."""
    before, _, rest = text.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise ValueError(f"{README.name} has no marks {BEGIN} and {END}")
    return before + table() + after


def main() -> int:
    text = README.read_text(encoding="utf-8")
    made = with_table(text)
    if "--write" in sys.argv[1:]:
        README.write_text(made, encoding="utf-8")
        return 0
    print("current" if made == text else "README.md is not current: python tests/sensor_table.py --write")
    return 0 if made == text else 1


if __name__ == "__main__":
    sys.exit(main())
