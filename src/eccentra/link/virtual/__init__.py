"""Emulated sensors: for tests without hardware, and as real peripherals through a spare controller.

A sensor here is a device profile turned round: its GATT services and advertisements, a small model of its
firmware (what it answers to commands, when it streams), and simulated samples encoded as the real one would.
It can be heard on an in-memory radio (:mod:`.air`), on which unmodified Bleak code runs by the backend of
:mod:`.backend`, or through any controller that Bumble can open (:mod:`.radios`).

Bumble is an optional dependency (extra ``emulate``), imported in this folder only.
"""

from __future__ import annotations

import importlib.util

from eccentra.errors import InputError

if importlib.util.find_spec("bumble") is None:
    raise InputError("emulated sensors", "need Bumble; install it with: pip install 'eccentra[emulate]'")
