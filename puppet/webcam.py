"""Stage 1, a webcam: read through OpenCV; when it is unplugged the program waits for it to come back.

connected ── no frame ──> away: frames without a picture, a look for the camera once a second ── found ──> connected
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from fractions import Fraction
from time import perf_counter
from typing import Protocol, runtime_checkable

import cv2
import numpy as np
from jaxtyping import UInt8

from puppet.devices import Device, list_devices
from puppet.errors import CameraError
from puppet.frame import Frame
from puppet.settings import CameraSettings
from puppet.values import Moment

RETRY_S = 1.0
"""How often an unplugged camera is looked for."""

ATTEMPTS = 5
"""Frames in a row that may be damaged before the camera counts as gone."""

_log = logging.getLogger(__name__)


@runtime_checkable
class Capture(Protocol):
    """What is used of cv2.VideoCapture."""

    def isOpened(self) -> bool:
        """Whether there is a device behind it."""

    def grab(self) -> bool:
        """Wait for the next frame; False when there will be none."""

    def retrieve(self, image: UInt8[np.ndarray, "..."] | None = None) -> tuple[bool, np.ndarray]:
        """Decode the grabbed frame, as BGR, into `image` where it fits; what was BGR already may come in one row."""

    def get(self, property: int) -> float:
        """One of cv2's properties, such as the width of the frames."""

    def release(self) -> None:
        """Close the device."""


def open_capture(device: Device, wanted: CameraSettings, fps: float) -> Capture:
    """Open a device and ask for size, rate and codec; what it does not have it replaces by what it has."""
    capture = cv2.VideoCapture(device.index, device.backend)
    if wanted.codec == "mjpg":
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
    capture.set(cv2.CAP_PROP_FRAME_WIDTH, wanted.size_wh[0])
    capture.set(cv2.CAP_PROP_FRAME_HEIGHT, wanted.size_wh[1])
    capture.set(cv2.CAP_PROP_FPS, fps)
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # an old frame is worth less than none
    return capture


class Webcam:
    """A camera that is connected to this machine."""

    def __init__(
        self,
        device: Device,
        wanted: CameraSettings,
        fps: float,
        *,
        devices: Callable[[], Sequence[Device]] = list_devices,
        opener: Callable[[Device, CameraSettings, float], Capture] = open_capture,
    ) -> None:
        """Open the device and read one frame, which tells the size.

        Args:
            device: The camera.
            wanted: Size and codec to ask for.
            fps: Frames a second to ask for.
            devices: Finds the cameras that are connected, when this one has to be found again.
            opener: Opens the capture.

        Raises:
            CameraError: It gives no picture.
        """
        self._device, self._wanted, self._fps = device, wanted, fps
        self._devices, self._opener = devices, opener
        self._trouble: str | None = None
        self._reading = self._closed = False
        self._decoded: UInt8[np.ndarray, "..."] | None = None
        self._index = 0
        self._first_s: float | None = None
        self._due_s = self._retry_s = 0.0
        self._capture: Capture | None = opener(device, wanted, fps)
        bgr = self._fetch()
        if bgr is None:
            self.close()
            raise CameraError(
                f"camera {device} gives no picture; close other programs that may use it, or choose another with "
                "--camera"
            )
        self._size_wh: tuple[int, int] = (bgr.shape[1], bgr.shape[0])
        _log.info("camera %s opened, %d x %d", device, *self._size_wh)

    @property
    def name(self) -> str:
        """What the system calls it."""
        return self._device.name

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height of all frames in pixels."""
        return self._size_wh

    @property
    def rate(self) -> Fraction:
        """Frames a second that it was asked for."""
        return Fraction(self._fps).limit_denominator(1001)

    @property
    def trouble(self) -> str | None:
        """That the camera is away, as a sentence; None while it gives pictures."""
        return self._trouble

    def read(self, out: UInt8[np.ndarray, "height width 3"]) -> Frame:
        """Wait for the next frame, write its RGB into `out` and return it; due is the time at which it arrived.

        While the camera is away, a frame without a picture that is due a frame's time ahead.
        """
        self._reading = True
        try:
            return self._read(out)
        finally:
            self._reading = False
            if self._closed:
                self._release()

    def close(self) -> None:
        """Release the device. A second call does nothing.

        While another thread hangs in the driver, the device is released as soon as that thread comes back, or by the
        process's end: to take it from under the driver would crash it.
        """
        self._closed = True
        if not self._reading:
            self._release()

    def _read(self, out: UInt8[np.ndarray, "height width 3"]) -> Frame:
        if self._capture is None:
            self._look()
        bgr = self._fetch()
        if bgr is None:
            self._lose()
            self._due_s = max(perf_counter(), self._due_s) + 1.0 / self._fps
            return Frame(None, self._moment())
        if self._trouble is not None:
            _log.info("camera %s is back", self._device)
            self._trouble = None
        self._write(bgr, out)
        return Frame(out, self._moment())

    def _release(self) -> None:
        if self._capture is not None:
            self._capture.release()
            self._capture = None

    def _fetch(self) -> UInt8[np.ndarray, "any_height any_width 3"] | None:
        """Wait for a frame and decode it; None when the camera gives none."""
        if self._capture is None or not self._capture.isOpened():
            return None
        for _ in range(ATTEMPTS):
            if not self._capture.grab():
                return None
            self._due_s = perf_counter()
            whole, decoded = self._capture.retrieve(self._decoded)
            if whole:
                self._decoded = decoded  # the next one is decoded into the same memory
                return decoded if decoded.ndim == 3 else _folded(decoded, self._capture)
        return None

    def _lose(self) -> None:
        if self._trouble is None:
            self._trouble = f"camera {self._device} is away; connect it again"
            _log.warning("camera %s is away", self._device)
        if self._capture is not None:
            self._release()
            self._retry_s = perf_counter() + RETRY_S

    def _look(self) -> None:
        """Open the camera again if it is there; its number may have changed."""
        if perf_counter() < self._retry_s:
            return
        found = [device for device in self._devices() if device.name == self._device.name]
        if found:
            self._device = self._device if self._device in found else found[0]
            self._capture = self._opener(self._device, self._wanted, self._fps)
        self._retry_s = perf_counter() + RETRY_S

    def _moment(self) -> Moment:
        if self._first_s is None:
            self._first_s = self._due_s
        moment = Moment(self._index, self._due_s - self._first_s, self._due_s)
        self._index += 1
        return moment

    def _write(
        self, bgr: UInt8[np.ndarray, "any_height any_width 3"], out: UInt8[np.ndarray, "height width 3"]
    ) -> None:
        if bgr.shape != out.shape:  # a camera that comes back may have chosen another size
            bgr = cv2.resize(bgr, self._size_wh)
        cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB, dst=out)


def _folded(row: UInt8[np.ndarray, "1 bytes"], capture: Capture) -> UInt8[np.ndarray, "any_height any_width 3"]:
    """The picture in a row of bytes, which a driver may have made longer.

    So OpenCV 4.11 gives frames that are BGR already (https://github.com/opencv/opencv/pull/27193).
    """
    height, width = int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)), int(capture.get(cv2.CAP_PROP_FRAME_WIDTH))
    return row[0, : height * width * 3].reshape(height, width, 3)
