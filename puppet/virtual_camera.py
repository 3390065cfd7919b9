"""Stage 7, the virtual camera: pictures for video calls, through pyvirtualcam.

It is opened once and stays open for the life of the program: a v4l2loopback device that was closed cannot be opened
again while programs look at it. Before the first picture and at the end it shows a slate; when no pictures come it
shows the last one again, since viewers switch to their own placeholder after a third of a second.
"""

from __future__ import annotations

import logging
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyvirtualcam
from jaxtyping import UInt8
from pyvirtualcam.camera import BACKENDS

from puppet.errors import SinkError
from puppet.lock import Lock
from puppet.loopback import given_back, mend_all
from puppet.values import Picture

STANDBY_S = 0.1

SLATE_GREY = 32

_ADVICE = {
    "linux": "install v4l2loopback-dkms and run `sudo modprobe v4l2loopback exclusive_caps=1 card_label=puppet`",
    "win32": "install OBS Studio, which brings one",
    "darwin": "install OBS Studio, start its virtual camera once and stop it",
}

_log = logging.getLogger(__name__)


class VirtualCamera:
    """A camera for other programs."""

    standby_s = STANDBY_S

    def __init__(self, backend: str | None, locks: Path) -> None:
        """Choose what makes the camera.

        Args:
            backend: A name that pyvirtualcam knows; None takes the first that works.
            locks: Folder for the mark that the camera is ours; the same for all programs of this user.
        """
        self._backend = backend
        self._locks = locks
        self._lock: Lock | None = None
        self._camera: pyvirtualcam.Camera | None = None
        self._name = "virtual camera"

    @property
    def name(self) -> str:
        """With the device, once it has been opened."""
        return self._name

    def open(self, size_wh: tuple[int, int], rate: Fraction) -> None:
        """Open the first free device and show the slate.

        Raises:
            SinkError: There is no driver or no such backend, or another puppet sends to the device.
        """
        if self._backend is not None and self._backend not in BACKENDS:
            raise SinkError(
                f"there is no virtual-camera backend {self._backend!r}; choose one of {', '.join(sorted(BACKENDS))}"
            )
        width, height = size_wh
        mend_all()
        try:
            self._camera = pyvirtualcam.Camera(width, height, float(rate), backend=self._backend)
        except RuntimeError as error:
            raise SinkError(self._refusal(" ".join(str(error).split()))) from error
        self._lock = self._marked(self._camera.device)
        self._name = f"virtual camera {self._camera.device}"
        self._slate = np.full((height, width, 3), SLATE_GREY, np.uint8)
        self._last = self._slate
        self.stand_by()
        _log.info("%s opened, %d x %d", self._name, width, height)

    def send(self, picture: Picture) -> None:
        """Show a picture."""
        self._last = picture.rgb
        self.stand_by()

    def stand_by(self) -> None:
        """Show the last picture again, or the slate before the first one."""
        self._show(self._last)

    def close(self) -> None:
        """Show the slate and let go of the device. A second call does nothing."""
        if self._camera is not None and self._lock is not None:
            self._show(self._slate)
        self.abort()

    def abort(self) -> None:
        """Let go of the device. A second call does nothing."""
        if self._camera is not None:
            with given_back(self._camera.device):
                self._camera.close()
            self._camera = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _show(self, rgb: UInt8[np.ndarray, "height width 3"]) -> None:
        assert self._camera is not None
        try:
            self._camera.send(rgb)
        except (RuntimeError, OSError) as error:
            raise SinkError(f"{self._name} takes no more pictures ({error}); start puppet again") from error

    def _marked(self, device: str) -> Lock:
        try:
            lock = Lock.take(self._locks, device)
        except OSError as error:
            self.abort()
            raise SinkError(f"{self._locks} cannot be written ({error.strerror}); make it a folder of yours") from error
        if lock is None:
            self.abort()
            raise SinkError(f"another puppet sends to the virtual camera {device} already; close it first")
        return lock

    def _refusal(self, reason: str) -> str:
        if Lock.any_taken(self._locks):
            return f"no virtual camera is free: another puppet sends to one already; close it first ({reason})"
        advice = _ADVICE.get(sys.platform, "see pyvirtualcam's documentation")
        return f"no virtual camera can be opened ({reason}); {advice}"
