"""Nothing here makes a library overwrite memory: Python's own allocator watches every block's edges."""

from __future__ import annotations

import os
import subprocess
import sys

# Every struct is converted to once, so that the decoder of each of its fields has been built.
_EVERY_STRUCT = """
import importlib, pkgutil
import msgspec
import eccentra

def structs(parent):
    for child in parent.__subclasses__():
        yield child
        yield from structs(child)

for module in pkgutil.walk_packages(eccentra.__path__, "eccentra."):
    if "migrations" not in module.name and not module.name.endswith("__main__"):
        importlib.import_module(module.name)
own = [one for one in structs(msgspec.Struct) if one.__module__.startswith("eccentra")]
for one in own:
    try:
        msgspec.json.decode(b"{}", type=one)
    except (msgspec.MsgspecError, ValueError):
        pass
print(len(own))
"""


def test_every_struct_is_built_and_freed_without_damage() -> None:
    """A text with a pattern in one union with a tuple makes msgspec 0.22 crash, mostly when Python ends."""
    environment = {**os.environ, "PYTHONMALLOC": "debug"}
    done = subprocess.run(
        [sys.executable, "-c", _EVERY_STRUCT], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) > 200
