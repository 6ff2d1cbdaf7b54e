"""``python -m eccentra``: the command line."""

from __future__ import annotations

from eccentra.cli import main

if __name__ == "__main__":
    main()
