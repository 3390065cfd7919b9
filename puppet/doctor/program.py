"""What the program itself needs: Python and packages, the model, engines, the face tracker, cameras, screen, disk."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from engines import open_engine
from engines.base import EngineError
from engines.cuda import gpu_name
from engines.selection import GPU_LADDER, engine_fault, explained
from engines.times import measure_ms
from puppet.bundle import Bundle, load_bundle
from puppet.child import Child, in_app
from puppet.devices import Device
from puppet.doctor.finding import Finding, State
from puppet.errors import BundleError
from puppet.painter import probes, times_of
from puppet.screen import PACKAGES, missing_packages

NEEDED = ("numpy", "opencv-python", "mediapipe", "protobuf", "av", "pyvirtualcam", "safetensors", "PyQt6")

README = "README.md says what each needs, under 'What paints, and GPUs'"

FRAME_MS = 1000 / 30
"""An engine that takes longer for a portrait does not reach 30 a second."""

LEAST_FREE_MB, FEW_FREE_MB = 50, 500
"""Less free space than the first is a failure, than the second a warning: a minute of recording takes some 20 MB."""


def python_and_packages(needed: Sequence[str] = NEEDED) -> Finding:
    """Versions of what the program stands on."""
    found, missing = [], []
    for package in needed:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            missing.append(package)
    if missing:
        mend = _install(*missing)
        return Finding("packages", "failure", f"{', '.join(missing)} is not installed", mend)
    return Finding("packages", "ok", f"Python {platform.python_version()}, {', '.join(found)}")


def model(folder: Path) -> tuple[Finding, Bundle | None]:
    """The bundle, every file of it hashed."""
    try:
        bundle = load_bundle(folder)
        for name in bundle.later:
            bundle.checked(folder / name)
    except BundleError as error:
        return Finding("model", "failure", str(error), "install puppet again, or choose another with --bundle"), None
    says = f"{bundle.name} {bundle.version}, {bundle.resolution} x {bundle.resolution}, every file as it should be"
    return Finding("model", "ok", f"{says} (sha256 {bundle.sha256[:12]})"), bundle


def engines(bundle: Bundle, names: Sequence[str], cache: Path) -> list[Finding]:
    """Each runtime, measured on the bundle's generator, and which one a stream takes.

    That one does not work is a failure only where none does. Nothing is built, and no time is remembered.

    Args:
        bundle: Whose generator.
        names: Engines, as a user may ask for them.
        cache: Where times are remembered.
    """
    remembered = times_of(bundle, cache).recall()
    looks = [_gpu_engine(name, remembered) if name in GPU_LADDER else _engine(bundle, name) for name in names]
    works = [look.finding.name for look in looks if look.works]
    if not works:
        return [replace(look.finding, state="failure", mend=look.finding.mend or "--engine auto") for look in looks]
    known = {look.finding.name: look.time_ms for look in looks if look.time_ms is not None} | remembered
    found = [
        replace(look.finding, state="warning") if look.finding.state == "failure" else look.finding for look in looks
    ]
    return [*found, Finding("engine", "ok", explained(works, known).why)]


@dataclass(frozen=True, slots=True)
class _Look:
    """What was found of one engine, whether it works, and what a portrait takes where that is known."""

    finding: Finding
    works: bool
    time_ms: float | None = None


def _gpu_engine(name: str, remembered: Mapping[str, float]) -> _Look:
    """An engine that takes minutes to build is not opened: whether it could be, and what it took when it was."""
    fault, gpu = engine_fault(name), gpu_name()
    if fault is not None:
        if gpu is None:
            return _Look(Finding(name, "ok", "is not used: there is no NVIDIA GPU"), works=False)
        return _Look(Finding(name, "warning", f"is not used: {fault}", README), works=False)
    if name not in remembered:
        says = f"{gpu}: works; it is built when a stream begins, while another engine serves"
        return _Look(Finding(name, "ok", says), works=True)
    time_ms = remembered[name]
    return _Look(Finding(name, "ok", f"{gpu}: {time_ms:.1f} ms a portrait, when it was built"), True, time_ms)


def _engine(bundle: Bundle, name: str) -> _Look:
    try:
        with closing(open_engine(bundle.synthesis_path, name)) as engine:
            time_ms = measure_ms({name: engine}, probes(bundle)[0])[name]
            says = f"{engine.name}: {time_ms:.1f} ms a portrait"
    except EngineError as error:
        mend = _install("--force-reinstall", name)
        return _Look(Finding(name, "failure", str(error), mend), works=False)
    if time_ms > FRAME_MS:
        says = f"{says}, too slow for 30 a second now"
        return _Look(Finding(name, "warning", says, "close other programs, or try --fps 15"), True, time_ms)
    return _Look(Finding(name, "ok", says), True, time_ms)


def face_tracker(module: str = "puppet.doctor.find_a_face") -> Finding:
    """Whether a face is found, in a shipped portrait.

    Args:
        module: Runs as a child and tells `found`.
    """
    child = Child(module)
    try:
        answer = child.receive()
    finally:
        said = child.end()
    mend = _install("--force-reinstall", "'mediapipe==0.10.21'", "'protobuf<5'")
    if answer is None:
        return Finding("face tracker", "failure", f"MediaPipe does not work: {said}", mend)
    if not answer.get("found"):
        return Finding("face tracker", "failure", "finds no face in a portrait that has one", mend)
    return Finding("face tracker", "ok", "finds faces")


def cameras(devices: Sequence[Device]) -> Finding:
    """Cameras by name, without virtual ones."""
    real = [device for device in devices if not device.virtual]
    if not real:
        mend = "connect one; to be moved by a video file: puppet --camera clip.mp4"
        return Finding("cameras", "failure", "none was found", mend)
    return Finding("cameras", "ok", ", ".join(str(device) for device in real))


def screen(environment: Mapping[str, str], libraries: Mapping[str, str] = PACKAGES) -> Finding:
    """Whether a window can be opened on this Linux."""
    if environment.get("WAYLAND_DISPLAY"):
        return Finding("screen", "ok", "Wayland")
    if not environment.get("DISPLAY"):
        return Finding("screen", "warning", "there is none, so there is no window", "puppet --headless")
    missing = missing_packages(libraries)
    if missing:
        mend = f"sudo apt-get install {' '.join(missing)}"
        return Finding("screen", "warning", "X11, and the window lacks libraries", mend)
    return Finding("screen", "ok", "X11, with every library")


def data_folder(
    folder: Path,
    *,
    may_write: Callable[[Path], bool] = lambda path: os.access(path, os.W_OK | os.X_OK),
    free_mb: Callable[[Path], float] = lambda path: shutil.disk_usage(path).free / 1e6,
) -> Finding:
    """Whether avatars can be kept: the folder, or what of it exists, is ours and has room.

    Args:
        folder: May not exist yet, and is not made.
        may_write: Whether this user may put files into a folder.
        free_mb: Free megabytes at a folder.
    """
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    elsewhere = "give another one: --data-dir FOLDER"
    if not existing.is_dir():
        return Finding("data folder", "failure", f"{existing} is not a folder", elsewhere)
    if not may_write(existing):
        return Finding("data folder", "failure", f"{existing} cannot be written", elsewhere)
    free = free_mb(existing)
    if free < FEW_FREE_MB:
        state: State = "failure" if free < LEAST_FREE_MB else "warning"
        return Finding("data folder", state, f"{folder} has {free:.0f} MB left", f"free some space, or {elsewhere}")
    return Finding("data folder", "ok", f"{folder}, {free / 1e3:.1f} GB free")


def _install(*words: str) -> str:
    """How packages are installed; the app has them all, unless it was damaged."""
    return "unpack the app anew" if in_app() else f"{sys.executable} -m pip install {' '.join(words)}"
