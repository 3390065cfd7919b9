"""Stage 1: where driving frames come from. The protocol; puppet.webcam and puppet.file_camera keep it."""

from __future__ import annotations

from fractions import Fraction
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from puppet.frame import Frame


@runtime_checkable
class Camera(Protocol):
    """A source of driving frames. Opened by its constructor; one thread reads, the owner closes."""

    @property
    def name(self) -> str:
        """What the user knows it by."""

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height of all frames in pixels."""

    @property
    def rate(self) -> Fraction:
        """Frames a second."""

    @property
    def trouble(self) -> str | None:
        """Why there are no pictures right now, as a sentence; None when all is well. Any thread may ask."""

    def read(self, out: UInt8[np.ndarray, "height width 3"]) -> Frame | None:
        """Write the next frame's RGB into `out` and return it as a Frame; None at the end.

        A frame's due time may lie ahead: the caller waits for it. While there is trouble, frames without a picture come
        at the camera's rate, so that the portrait lives on.

        Raises:
            CameraError: The device or file cannot be read any more.
        """

    def close(self) -> None:
        """Release the device or file. A second call does nothing."""
