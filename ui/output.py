"""Where pictures go for the life of the program: the virtual camera, or nowhere while there is none."""

from __future__ import annotations

import logging
from fractions import Fraction
from pathlib import Path

from puppet.errors import SinkError
from puppet.outlet import Outlet
from puppet.settings import SinkSettings
from puppet.sinks import NullSink, Sink
from puppet.state import Condition, State
from puppet.virtual_camera import VirtualCamera

LOG = logging.getLogger(f"puppet.{__name__}")


class Output:
    """Opened once, and not closed by a stop: other programs look at a virtual camera all the time."""

    def __init__(self, settings: SinkSettings, size_wh: tuple[int, int], locks: Path) -> None:
        """Open nothing yet.

        Args:
            settings: Whether a virtual camera is wanted, and which.
            size_wh: Its width and height in pixels, for its whole life; other pictures are fitted into it.
            locks: See `VirtualCamera`.
        """
        self._settings = settings
        self._size_wh = size_wh
        self._locks = locks
        self._sink: Sink = NullSink()
        self._outlet: Outlet | None = None
        self._reason = ""
        self._called = ""

    @property
    def tap(self) -> Outlet:
        """What takes the pictures, after `open`."""
        assert self._outlet is not None
        return self._outlet

    @property
    def words(self) -> str:
        """Where pictures go, in a few words."""
        if isinstance(self._sink, NullSink):
            return "Preview only"
        return self._sink.name[:1].upper() + self._sink.name[1:]

    def words_in(self, condition: Condition) -> str:
        """The same while pictures are sent: says when they are the slate."""
        slate = condition.state is State.SLATE and not isinstance(self._sink, NullSink)
        return f"{self.words}: slate" if slate else self.words

    @property
    def trouble(self) -> str:
        """Why there is no virtual camera, or why it takes nothing more; empty when all is well."""
        error = None if self._outlet is None else self._outlet.error
        return self._reason if error is None else str(error)

    @property
    def notice(self) -> str:
        """The trouble, or what the user should know of it though it is over."""
        return self.trouble or (self._sink.notice if isinstance(self._sink, VirtualCamera) else "")

    def works(self, *, running: bool) -> bool | None:
        """Whether pictures arrive; None while none are sent, or there is nowhere to send them."""
        if self.trouble:
            return False
        return True if running and not isinstance(self._sink, NullSink) else None

    def open(self) -> None:
        """Open the virtual camera, if it is not open; it may have been installed since the last try."""
        if self._outlet is not None and (not self._reason or not isinstance(self._sink, NullSink)):
            return
        camera = self._virtual_camera()
        if camera is None and self._outlet is not None:
            return
        self.close()
        self._sink = camera or NullSink()
        if camera is None:
            self._sink.open(self._size_wh, self._rate)
        self._outlet = Outlet(self._sink, self._size_wh)
        self._outlet.start()

    def call(self, name: str) -> None:
        """Put a name on the slate, now and whenever the virtual camera is opened."""
        self._called = name
        if isinstance(self._sink, VirtualCamera):
            self._sink.call(name)

    def close(self) -> None:
        """Let go of the virtual camera. A second call does nothing."""
        if self._outlet is not None:
            if self._outlet.finish():
                self._sink.close()
            self._outlet = None

    @property
    def _rate(self) -> Fraction:
        return Fraction(self._settings.fps)

    def _virtual_camera(self) -> VirtualCamera | None:
        self._reason = ""
        if self._settings.virtual_camera == "no":
            return None
        camera = VirtualCamera(self._settings.backend, self._locks, self._settings.watchdog)
        try:
            camera.open(self._size_wh, self._rate)
        except SinkError as error:
            self._reason = str(error)
            LOG.warning("%s", error)
            return None
        if self._called:
            camera.call(self._called)
        return camera
