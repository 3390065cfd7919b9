"""`puppet doctor`: what streaming into a call needs, whether it is there, and what mends it. Changes nothing."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from engines.selection import EVERY
from puppet.devices import list_devices
from puppet.doctor import macos, program, windows
from puppet.doctor.finding import Finding
from puppet.doctor.linux import Linux
from puppet.folders import folders
from puppet.settings import Settings

__all__ = ["Finding", "can_stream", "examine", "to_json", "verdict"]


def examine(settings: Settings, environment: Mapping[str, str]) -> Iterator[Finding]:
    """Look at everything, one finding after the other; timing the engines takes a few seconds.

    Args:
        settings: `bundle`, `engine` and `data_dir` count.
        environment: The process's.
    """
    yield program.python_and_packages()
    found, bundle = program.model(settings.bundle)
    yield found
    if bundle is not None:
        names = EVERY if settings.engine == "auto" else (settings.engine,)
        yield from program.engines(bundle, names, folders(settings.data_dir).cache)
    yield program.face_tracker()
    yield program.cameras(list_devices())
    yield from _virtual_camera()
    if sys.platform == "linux":
        yield program.screen(environment)
    yield program.data_folder(folders(settings.data_dir).data)


def can_stream(findings: Sequence[Finding]) -> bool:
    """Whether a portrait can be moved by a camera and appear in a call: nothing has failed."""
    return all(finding.state != "failure" for finding in findings)


def verdict(findings: Sequence[Finding]) -> str:
    """The last line."""
    if can_stream(findings):
        return "Everything that streaming needs is there."
    return "Streaming into a call cannot work yet: each failure above says what mends it."


def to_json(findings: Sequence[Finding]) -> str:
    """All findings as JSON text."""
    values = {"can_stream": can_stream(findings), "findings": [asdict(finding) for finding in findings]}
    return json.dumps(values, indent=1)


def _virtual_camera() -> list[Finding]:
    if sys.platform == "win32":
        return windows.examine(windows.read_registry)
    if sys.platform == "darwin":
        return macos.examine(Path("/"), platform.mac_ver()[0])
    return Linux(os.uname().release).examine()
