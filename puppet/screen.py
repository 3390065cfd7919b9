"""Whether Qt can open a window here. It ends the process where it cannot, so that is found out before."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping

PACKAGES = {
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-render-util.so.0": "libxcb-render-util0",
}
"""What Qt loads on X11, and the packages of Debian and Ubuntu that bring it."""


def obstacle(environment: Mapping[str, str], libraries: Mapping[str, str] = PACKAGES) -> str | None:
    """Why no window can be opened on this Linux, as a sentence; None when one can.

    Args:
        environment: The process's.
        libraries: What has to be there on X11, and the packages that bring it.
    """
    if environment.get("QT_QPA_PLATFORM") or environment.get("WAYLAND_DISPLAY"):
        return None
    if not environment.get("DISPLAY"):
        return "there is no screen to open a window on; add --headless to run without one"
    missing = missing_packages(libraries)
    if missing:
        return f"the window needs libraries; on Debian or Ubuntu: sudo apt-get install {' '.join(missing)}"
    return None


def missing_packages(libraries: Mapping[str, str] = PACKAGES) -> list[str]:
    """The packages whose libraries do not load here; see `PACKAGES`."""
    return [package for library, package in libraries.items() if not _loads(library)]


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
