"""Gives v4l2loopback devices back, which release 0.12.7 forgets.

With exclusive_caps such a device says either that it can be written or that it can be read. While somebody writes it is
a camera; when the writer closes it should become writable again, but it does only for a writer that has started a
stream. pyvirtualcam never does, so its device stays closed to all until the module is loaded anew. A stream that is
started and ended beside it mends that; a driver that refuses it is left as it is.

Source: v4l2loopback 0.12.7, v4l2loopback.c, v4l2_loopback_close and vidioc_streamon.
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_QUERYCAP = struct.Struct("16s 32s 32s I I I 12x")  # driver, card, bus, version, capabilities, those of this device
_FORMAT = struct.Struct("I 4x I I 4s I 184x")  # kind of buffer, width, height, pixel format, field
_KIND = struct.Struct("i")

_VIDIOC_QUERYCAP, _VIDIOC_S_FMT, _VIDIOC_STREAMON = 0x80685600, 0xC0D05605, 0x40045612

_DRIVER = b"v4l2 loopback"
_CAPTURE, _OUTPUT = 0x1, 0x2
"""Bits of a capability; 2 is also the kind of buffer that is written."""

_ANY_FORMAT = _FORMAT.pack(_OUTPUT, 640, 480, b"YU12", 1)


@contextmanager
def given_back(device: str) -> Iterator[None]:
    """The device that is closed inside the block can be opened again; of anything but v4l2loopback nothing is asked."""
    file = _opened(Path(device))
    if file is None:
        yield
        return
    try:
        if _capabilities(file) is not None:
            _ask(file, _VIDIOC_STREAMON, _KIND.pack(_OUTPUT))
        yield
    finally:
        os.close(file)


def mend_all(devices: Path = Path("/dev")) -> None:
    """Give back the devices that were left by programs which died: those that say they can neither be read nor written.

    While somebody reads such a device it cannot be told from one in use, and stays as it is; see `mend`.
    """
    for path in sorted(devices.glob("video[0-9]*")):
        _mend(path, (0,))


def mend(device: str) -> None:
    """Give back a device whose writer is known to have died, also while others read it, who see the next one's."""
    _mend(Path(device), (0, _CAPTURE))


def _mend(path: Path, stuck: tuple[int, ...]) -> None:
    """Give back a device if it has one of these capabilities."""
    file = _opened(path)
    if file is None:
        return
    try:
        own = _capabilities(file)
        if own not in stuck:
            return
        if own == 0:  # else its readers have a format
            _ask(file, _VIDIOC_S_FMT, _ANY_FORMAT)
        _ask(file, _VIDIOC_STREAMON, _KIND.pack(_OUTPUT))
    finally:
        os.close(file)


def _opened(path: Path) -> int | None:
    try:
        return os.open(path, os.O_RDWR | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return None


def _capabilities(file: int) -> int | None:
    """Whether it says that it can be read (1) and written (2); None for other drivers."""
    answer = _ask(file, _VIDIOC_QUERYCAP, bytes(_QUERYCAP.size))
    if answer is None:
        return None
    driver, *_, own = _QUERYCAP.unpack(answer)
    return own & (_CAPTURE | _OUTPUT) if driver.rstrip(b"\0") == _DRIVER else None


if sys.platform == "linux":

    def _ask(file: int, request: int, argument: bytes) -> bytes | None:
        """What the driver makes of the argument; None when it refuses."""
        import fcntl

        try:
            return fcntl.ioctl(file, request, argument)
        except OSError:
            return None

else:

    def _ask(file: int, request: int, argument: bytes) -> bytes | None:
        """Other systems have no such devices."""
        return None
