"""Virtual cameras on Linux: the kernel module v4l2loopback, its devices, and who may use them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from puppet.doctor.finding import Finding

MODULE = "v4l2loopback"

INSTALL = f"sudo apt-get install {MODULE}-dkms"
LOAD = f"sudo modprobe {MODULE} exclusive_caps=1 card_label=puppet"
RELOAD = f"close what uses it, then: sudo modprobe -r {MODULE} && {LOAD}"
JOIN = 'sudo usermod -aG video "$USER"   (then log out and in)'

MARK = "max_openers"
"""A file that the module shows for each of its devices, and no other driver for its own."""

UNNAMED = "Dummy video device"
"""How the module calls a camera that nobody gave a label."""

TOOL = f"{MODULE}-ctl"


def _may_use(device: Path) -> bool:
    return os.access(device, os.R_OK | os.W_OK)


def _has_tool(name: str) -> bool:
    return shutil.which(name) is not None


@dataclass(frozen=True, slots=True)
class Linux:
    """What is looked at.

    Attributes:
        release: The running kernel, as `uname -r` names it.
        root: Where `sys`, `dev`, `lib` and `usr` lie.
        may_use: Whether this user may read and write a device file.
        has_tool: Whether a program of this name is installed.
    """

    release: str
    root: Path = Path("/")
    may_use: Callable[[Path], bool] = _may_use
    has_tool: Callable[[str], bool] = _has_tool

    def examine(self) -> list[Finding]:
        """Everything that a virtual camera needs here."""
        virtual = self.root / "sys/devices/virtual/video4linux"
        loopbacks = {device: label for device, label in _devices(virtual).items() if (virtual / device / MARK).exists()}
        every = _devices(self.root / "sys/class/video4linux")
        found = [self._camera(loopbacks)]
        if loopbacks:
            found += [self._label(loopbacks), self._exclusive_caps(loopbacks), self._tool()]
        return [*found, *self._permission(sorted({*loopbacks, *every}))]

    def _camera(self, loopbacks: dict[str, str]) -> Finding:
        name = "virtual camera"
        if loopbacks:
            return Finding(name, "ok", ", ".join(f"/dev/{device} ({label})" for device, label in loopbacks.items()))
        if (self.root / "sys/module" / MODULE).is_dir():
            return Finding(name, "failure", f"{MODULE} is loaded and has no device", RELOAD)
        if self._built():
            return Finding(name, "failure", f"{MODULE} is installed and not loaded", LOAD)
        if any((self.root / "usr/src").glob(f"{MODULE}-*")):
            headers = f"sudo apt-get install linux-headers-{self.release} && sudo dkms autoinstall && {LOAD}"
            return Finding(name, "failure", f"{MODULE} is not built for the kernel {self.release}", headers)
        return Finding(name, "failure", f"the kernel module {MODULE} is not installed", f"{INSTALL} && {LOAD}")

    def _built(self) -> bool:
        return any((self.root / "lib/modules" / self.release).rglob(f"{MODULE}.ko*"))

    def _label(self, loopbacks: dict[str, str]) -> Finding:
        if all(label.startswith(UNNAMED) for label in loopbacks.values()):
            return Finding("its label", "warning", f"calls list it as {next(iter(loopbacks.values()))!r}", RELOAD)
        return Finding("its label", "ok", "set")

    def _exclusive_caps(self, loopbacks: dict[str, str]) -> Finding:
        parameters = self.root / "sys/module" / MODULE / "parameters"
        switches = _line(parameters / "exclusive_caps").split(",")
        wanted = _line(parameters / "video_nr").split(",")  # switches are in this order; -1 is whatever number was free
        places = {f"video{number}": place for place, number in enumerate(wanted)}
        made = sorted(loopbacks, key=lambda device: places.get(device, len(wanted)))
        without = [device for device, on in zip(made, switches, strict=False) if on not in ("Y", "1")]
        if without:
            says = f"off for /dev/{', /dev/'.join(without)}: Chrome and what is built on it do not list it"
            return Finding("exclusive_caps", "warning", says, RELOAD)
        return Finding("exclusive_caps", "ok", "on")

    def _tool(self) -> Finding:
        if self.has_tool(TOOL):
            return Finding(TOOL, "ok", "is there")
        says = "is not there: when puppet and its watchdog are both killed, a call keeps its last picture"
        return Finding(TOOL, "warning", says, f"sudo apt-get install {MODULE}-utils")

    def _permission(self, devices: list[str]) -> list[Finding]:
        """Whether this user may use the cameras, real and virtual; nothing where there are none."""
        if not devices:
            return []
        closed = [f"/dev/{device}" for device in devices if not self.may_use(self.root / "dev" / device)]
        if closed:
            return [Finding("permission", "failure", f"you may not use {', '.join(closed)}", JOIN)]
        return [Finding("permission", "ok", "you may use every camera")]


def _devices(folder: Path) -> dict[str, str]:
    """Device files and their labels, by number."""
    found = [path for path in folder.glob("video*") if path.name.removeprefix("video").isdecimal()]
    return {path.name: _line(path / "name") for path in sorted(found, key=lambda path: int(path.name[5:]))}


def _line(path: Path) -> str:
    """The content of a small file of the kernel; empty where there is none."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
