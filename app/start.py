"""The app's main module: the program, or a module of it that runs as a child process (puppet/child.py)."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from puppet.child import MODULE_WORD

CAMERA = Path(__file__).resolve().with_name("camera")
"""Where pyvirtualcam lies in the app; no other process than the watchdog's finds it."""


def start() -> int:
    """Run what the first word asks for."""
    if sys.argv[1:2] != [MODULE_WORD]:
        from puppet.cli import main  # children load only what they need themselves

        return main()
    module = sys.argv[2]
    if module == "puppet.watchdog":
        sys.path.append(str(CAMERA))
    sys.argv = [module, *sys.argv[3:]]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    return 0


if __name__ == "__main__":
    sys.exit(start())
