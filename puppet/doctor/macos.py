"""Virtual cameras on macOS: the one that OBS Studio brings, and asks the user to allow."""

from __future__ import annotations

import plistlib
from pathlib import Path

from puppet.doctor.finding import Finding

APP = "Applications/OBS.app/Contents/Info.plist"
EXTENSION = "com.obsproject.obs-studio.mac-camera-extension.systemextension"

FIRST_WITH_EXTENSIONS = 13
"""The first macOS on which pyvirtualcam sends through OBS's camera extension."""

LEAST_OBS = 30
"""The first OBS Studio whose camera extension can be sent to."""

INSTALL = "brew install --cask obs"
START_ONCE = "open -a OBS   (press Start Virtual Camera, allow it in System Settings, stop it again)"


def examine(root: Path, system: str) -> list[Finding]:
    """Everything that a virtual camera needs here.

    Args:
        root: Where `Applications` and `Library` lie.
        system: The version of macOS, such as 14.5.
    """
    version = _obs_version(root / APP)
    if version is None:
        return [Finding("virtual camera", "failure", "OBS Studio, which brings one, is not installed", INSTALL)]
    if _first(system) < FIRST_WITH_EXTENSIONS:
        return [Finding("OBS Studio", "ok", version), _old_camera(root)]
    return [_obs(version), _extension(root)]


def _obs(version: str) -> Finding:
    if _first(version) < LEAST_OBS:
        says = f"{version} is too old: {LEAST_OBS} or later is needed"
        return Finding("OBS Studio", "failure", says, "brew upgrade --cask obs")
    return Finding("OBS Studio", "ok", version)


def _extension(root: Path) -> Finding:
    if any((root / "Library/SystemExtensions").glob(f"*/{EXTENSION}")):
        return Finding(
            "virtual camera", "ok", "OBS Virtual Camera is installed; if no call lists it, start it in OBS once"
        )
    return Finding("virtual camera", "failure", "OBS's virtual camera was never started", START_ONCE)


def _old_camera(root: Path) -> Finding:
    if any((root / "Library/CoreMediaIO/Plug-Ins/DAL").glob("obs-mac-virtualcam.plugin")):
        return Finding("virtual camera", "ok", "OBS Virtual Camera is installed")
    return Finding("virtual camera", "failure", "OBS's virtual camera was never started", START_ONCE)


def _obs_version(info: Path) -> str | None:
    """None when OBS is not there."""
    try:
        with info.open("rb") as file:
            return str(plistlib.load(file).get("CFBundleShortVersionString", "0"))
    except (OSError, plistlib.InvalidFileException, ValueError):
        return None


def _first(version: str) -> int:
    first = version.partition(".")[0]
    return int(first) if first.isdecimal() else 0
