"""Stage 7, the virtual camera: pictures for video calls, through a process of its own; see puppet.watchdog.

It is opened once and stays open for the life of the program: a v4l2loopback device that was closed cannot be opened
again while programs look at it. While no pictures come it shows the slate.
"""

from __future__ import annotations

import logging
import sys
from fractions import Fraction
from pathlib import Path

from puppet.child import in_app
from puppet.errors import SinkError
from puppet.guard import Guard, Refusal
from puppet.lock import Lock
from puppet.loopback import mend
from puppet.order import Order
from puppet.settings import WatchdogSettings
from puppet.slate import draw_slate
from puppet.timeout_image import set_timeout_image
from puppet.values import Picture

STANDBY_S = 0.25

RESTARTS = 2
"""A process that was killed twice is killed by something that will do it again, and every start reopens the device,
which viewers notice."""

_ADVICE = {
    "linux": "install v4l2loopback-dkms and run `sudo modprobe v4l2loopback exclusive_caps=1 card_label=puppet`",
    "win32": "install OBS Studio, which brings one",
    "darwin": "install OBS Studio, start its virtual camera once and stop it",
}

_MISSING = "unpack its wheel into the app's folder _internal/camera" if in_app() else "run `pip install pyvirtualcam`"

_log = logging.getLogger(__name__)


class VirtualCamera:
    """A camera for other programs."""

    carries_transparency = False
    standby_s = STANDBY_S

    def __init__(self, backend: str | None, locks: Path, watchdog: WatchdogSettings | None = None) -> None:
        """Choose what makes the camera.

        Args:
            backend: A name that pyvirtualcam knows; None takes the first that works.
            locks: Folder for the mark that the camera is ours; the same for all programs of this user.
            watchdog: How patient its process is; None takes the usual.
        """
        self._backend = backend
        self._locks = locks
        self._settings = watchdog or WatchdogSettings()
        self._guard: Guard | None = None
        self._restarts = 0
        self._name = "virtual camera"
        self.notice = ""
        """What the user should know though it is over; any thread may read."""

    @property
    def name(self) -> str:
        """With the device, once it has been opened."""
        return self._name

    def open(self, size_wh: tuple[int, int], rate: Fraction) -> None:
        """Open the first free device, or go on with one that a puppet has left, and show the slate.

        Raises:
            SinkError: There is no driver or no such backend, or another puppet sends to the device.
        """
        self._slate = self._kept = draw_slate(size_wh)
        self._order = Order(
            memory=Path(),
            size_wh=size_wh,
            fps=float(rate),
            backend=self._backend,
            locks=self._locks,
            silence_s=self._settings.silence_s,
            repeat_s=self._settings.repeat_s,
            linger_s=self._settings.linger_s,
        )
        self._guard = Guard.adopt(self._order, self._slate) or self._started()
        self._name = f"virtual camera {self._guard.device}"
        set_timeout_image(self._guard.device, self._slate)
        _log.info("%s opened, %d x %d", self._name, *size_wh)

    def call(self, name: str) -> None:
        """Put a name on the slate, after `open`; any thread may call. Seen from the next picture or stand-by on."""
        self._slate = draw_slate(self._order.size_wh, name)

    def send(self, picture: Picture) -> None:
        """Hand over a picture, which is shown within milliseconds.

        Raises:
            SinkError: The camera's process ends again and again, or finds no device any more.
        """
        self._watched().show(picture.rgb)

    def stand_by(self) -> None:
        """See that the camera's process is there; it repeats the last picture by itself, and then shows the slate.

        Raises:
            SinkError: As for `send`.
        """
        self._watched()

    def close(self) -> None:
        """Show the slate and let go of the device. A second call does nothing."""
        guard, self._guard = self._guard, None
        if guard is not None:
            guard.end()

    def abort(self) -> None:
        """As `close`: the slate harms nobody."""
        self.close()

    def _watched(self) -> Guard:
        """The watchdog, started again if it has died, with the newest slate."""
        guard = self._guard
        assert guard is not None
        if not guard.running:
            guard = self._again(guard)
        elif self._kept is not self._slate:
            self._kept = self._slate
            guard.keep(self._slate)
        return guard

    def _again(self, dead: Guard) -> Guard:
        self._guard = None
        trouble = dead.end() or "it was killed"
        mend(dead.device)
        if self._restarts == RESTARTS:
            raise SinkError(f"{self._name} takes no more pictures ({trouble}); start puppet again")
        self._restarts += 1
        try:
            self._guard = self._started()
        except SinkError as error:
            raise SinkError(f"{self._name} takes no more pictures ({trouble}; then: {error})") from error
        self.notice = f"the process of {self._name} ended ({trouble}) and was started again"
        _log.warning("%s", self.notice)
        return self._guard

    def _started(self) -> Guard:
        try:
            return Guard.start(self._order, self._slate)
        except Refusal as refusal:
            raise SinkError(self._sentence(refusal)) from refusal
        except OSError as error:
            raise SinkError(f"the virtual camera's process cannot be started ({error}); free some memory") from error

    def _sentence(self, refusal: Refusal) -> str:
        match refusal.answer:
            case {"unknown": known}:
                known = ", ".join(known) or "none"
                return f"there is no virtual-camera backend {self._backend!r}; choose one of {known}"
            case {"missing": reason}:
                return f"pyvirtualcam, which the virtual camera needs, cannot be loaded ({reason}); {_MISSING}"
            case {"taken": device}:
                return f"another puppet sends to the virtual camera {device} already; close it first"
            case {"unwritable": reason}:
                return f"{self._locks} cannot be written ({reason}); make it a folder of yours"
            case {"refused": reason} if Lock.any_taken(self._locks):
                return f"no virtual camera is free: another puppet sends to one already; close it first ({reason})"
            case {"refused": reason}:
                advice = _ADVICE.get(sys.platform, "see pyvirtualcam's documentation")
                return f"no virtual camera can be opened ({reason}); {advice}"
        return f"the virtual camera's process ended ({refusal}); see the log"
