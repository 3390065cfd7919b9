"""Virtual cameras on Windows: the one that OBS Studio registers."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from puppet.doctor.finding import Finding

FILTER = r"HKEY_CLASSES_ROOT\CLSID\{A3FCE0F5-3493-419F-958A-ABA1250EC20B}\InprocServer32"
"""Where OBS registers its camera; the value without a name is its library."""

UNINSTALL = r"HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\OBS Studio"

LEAST_OBS = 26
"""The first OBS Studio with a virtual camera of its own."""

INSTALL = "winget install OBSProject.OBSStudio"
REPAIR = f"{INSTALL} --force"

Read = Callable[[str, str], str | None]
"""A key and the name of a value in the registry -> the value as text; None where there is none."""


def examine(read: Read) -> list[Finding]:
    """Everything that a virtual camera needs here."""
    library, version = read(FILTER, ""), read(UNINSTALL, "DisplayVersion")
    return [_camera(library, version), *_version(version)]


def _camera(library: str | None, version: str | None) -> Finding:
    name = "virtual camera"
    if library is None and version is None:
        return Finding(name, "failure", "OBS Studio, which brings one, is not installed", INSTALL)
    if library is None:
        return Finding(name, "failure", "OBS Studio is there and its virtual camera is not registered", REPAIR)
    if not Path(library).is_file():
        return Finding(name, "failure", f"OBS's virtual camera is registered and {library} is missing", REPAIR)
    return Finding(name, "ok", "OBS Virtual Camera")


def _version(version: str | None) -> list[Finding]:
    if version is None:
        return []
    first = version.partition(".")[0]
    if first.isdecimal() and int(first) < LEAST_OBS:
        says = f"{version} is too old: {LEAST_OBS} or later is needed"
        return [Finding("OBS Studio", "failure", says, "winget upgrade OBSProject.OBSStudio")]
    return [Finding("OBS Studio", "ok", version)]


if sys.platform == "win32":

    def read_registry(key: str, value: str) -> str | None:
        """Read the registry of this machine; see `Read`."""
        import winreg

        root, _, path = key.partition("\\")
        try:
            with winreg.OpenKey(getattr(winreg, root), path) as opened:
                content, _ = winreg.QueryValueEx(opened, value)
        except OSError:
            return None
        return str(content)
