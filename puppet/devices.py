"""Which cameras this machine has, and which one the user means.

Virtual cameras, our own among them, are left out of lists: who picks one by mistake drives the portrait with itself or
with nothing. Whoever really wants one gives its number or its whole name.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2

from puppet.addresses import names_sender
from puppet.errors import CameraError

BACKENDS = {"linux": cv2.CAP_V4L2, "win32": cv2.CAP_DSHOW, "darwin": cv2.CAP_AVFOUNDATION}
"""What OpenCV reads cameras through. DirectShow opens at once where Media Foundation may take half a minute."""

_VIRTUAL = re.compile(
    r"virtual|\bobs\b|dummy video|loopback|\bpuppet\b|unity video capture|\bvcam|manycam|snap camera|facerig|animaze"
    r"|vtubestudiocam",
    re.IGNORECASE,
)
"""Names of cameras that programs make."""

_VIDEO_SUFFIX = re.compile(r"\.[A-Za-z][A-Za-z0-9]{1,3}")


@dataclass(frozen=True, slots=True)
class Device:
    """A camera that is connected now.

    Attributes:
        index: Its number for OpenCV and for the user.
        name: What the system calls it.
        path: Its device file, where the system has them.
        backend: OpenCV's number for what reads it.
        hardware: False where the system says that there is none behind it.
    """

    index: int
    name: str
    path: str | None
    backend: int
    hardware: bool = True

    @property
    def virtual(self) -> bool:
        """Whether a program makes its pictures, as far as the system or the name tells."""
        return not self.hardware or _VIRTUAL.search(self.name) is not None

    def __str__(self) -> str:
        """Number and name: '0 (Integrated Camera)'."""
        return f"{self.index} ({self.name})"


def list_devices() -> list[Device]:
    """All cameras of this machine, by number, virtual ones included."""
    from cv2_enumerate_cameras import enumerate_cameras

    found = enumerate_cameras(BACKENDS.get(sys.platform, cv2.CAP_ANY))
    devices = [
        Device(camera.index, camera.name or "", camera.path, camera.backend, has_hardware(camera.path))
        for camera in found
    ]
    return sorted(devices, key=lambda device: device.index)


def has_hardware(path: str | None, sys_folder: Path = Path("/sys")) -> bool:
    """Whether there is hardware behind a device file, or nothing says otherwise; only Linux does.

    Args:
        path: The device file, where there is one.
        sys_folder: Where the kernel shows its devices.
    """
    shown = sys_folder / "class/video4linux" / Path(path or "").name
    return not shown.resolve().is_relative_to(sys_folder.resolve() / "devices/virtual")


def names_file(wanted: str) -> bool:
    """Whether the user means a video file rather than a camera."""
    path = Path(wanted)
    if names_sender(wanted):
        return False
    return path.is_file() or bool(_VIDEO_SUFFIX.fullmatch(path.suffix)) or (os.sep in wanted and not path.exists())


def camera_list(devices: Sequence[Device]) -> str:
    """One line for each camera but virtual ones: number and name."""
    return "\n".join(f"{each.index}  {each.name}" for each in devices if not each.virtual) or "no camera was found"


def choose(wanted: str | None, devices: Sequence[Device]) -> Device:
    """The camera that the user means.

    Args:
        wanted: A number, a device file, a name, or a part of one name; None takes the first that is not virtual.
        devices: The cameras of this machine.

    Raises:
        CameraError: There is none, or the words fit several.
    """
    real = [device for device in devices if not device.virtual]
    if wanted is None:
        fitting = real[:1]
    else:
        fitting = (
            [device for device in devices if wanted in (str(device.index), device.path)]
            or [device for device in devices if device.name.casefold() == wanted.casefold()]
            or [device for device in real if wanted.casefold() in device.name.casefold()]
        )
    if len(fitting) > 1:
        raise CameraError(f"{wanted!r} fits several cameras: {_enumerated(fitting)}; give the number of one")
    if not fitting:
        what = "no camera was found" if wanted is None else f"there is no camera or video file {wanted!r}"
        have = f"this machine has {_enumerated(real)}" if real else "connect one, or give a video file with --camera"
        raise CameraError(f"{what}; {have}")
    return fitting[0]


def _enumerated(devices: Sequence[Device]) -> str:
    return ", ".join(str(device) for device in devices)
