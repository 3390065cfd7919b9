"""The slate inside the driver: what v4l2loopback shows by itself when nobody sends, not even the watchdog."""

from __future__ import annotations

import logging
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from puppet.child import run_tool

TOOL = "v4l2loopback-ctl"

TIMEOUT_MS = 3000
"""Later than the watchdog, which should be first."""

PATIENCE_S = 5.0

_log = logging.getLogger(__name__)


def set_timeout_image(device: str, slate: UInt8[np.ndarray, "height width 3"]) -> None:
    """Give the driver the slate, where its tool is there; what goes wrong is only logged.

    Args:
        device: A device that has been opened.
        slate: Of the device's size.
    """
    tool = shutil.which(TOOL) if sys.platform == "linux" else None
    if tool is None:
        return
    try:
        with tempfile.TemporaryDirectory(prefix="puppet-") as folder:
            path = Path(folder) / "slate.png"
            Image.fromarray(slate).save(path)
            trouble = run_tool([tool, "set-timeout-image", "-t", str(TIMEOUT_MS), device, str(path)], PATIENCE_S)
    except OSError as error:
        trouble = str(error)
    if trouble:
        _log.warning("the driver of %s took no slate (%s)", device, trouble)
    else:
        _log.info("the driver of %s shows the slate after %d ms without a picture", device, TIMEOUT_MS)
