"""What the program itself needs: Python and packages, the model, engines, the face tracker, cameras, screen, disk."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter

import numpy as np

from engines import open_engine
from engines.base import EngineError
from puppet.bundle import Bundle, load_bundle
from puppet.child import Child
from puppet.devices import Device
from puppet.doctor.finding import Finding, State
from puppet.errors import BundleError
from puppet.screen import PACKAGES, missing_packages
from puppet.synthesis import Synthesis

NEEDED = ("numpy", "opencv-python", "mediapipe", "protobuf", "av", "pyvirtualcam", "safetensors", "PyQt6")

RUNS = 20
"""Portraits that are painted to time an engine."""

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
        mend = f"{sys.executable} -m pip install {' '.join(missing)}"
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


def engines(bundle: Bundle, names: Sequence[str]) -> list[Finding]:
    """Each runtime, timed on the bundle's generator; that one does not work is a failure only where none does."""
    found = [_engine(bundle, name) for name in names]
    if all(each.state == "failure" for each in found):
        return found
    return [replace(each, state="warning") if each.state == "failure" else each for each in found]


def _engine(bundle: Bundle, name: str) -> Finding:
    w = np.zeros((bundle.num_ws, bundle.w_dim), np.float32)
    try:
        with closing(open_engine(bundle.synthesis_path, name)) as engine:
            paint = Synthesis(engine).paint
            time_ms = float(np.median([_timed_ms(lambda: paint(w)) for _ in range(RUNS)]))
            says = f"{engine.name}: {time_ms:.1f} ms a portrait"
    except EngineError as error:
        return Finding(name, "failure", str(error), f"{sys.executable} -m pip install --force-reinstall {name}")
    if time_ms > FRAME_MS:
        return Finding(
            name, "warning", f"{says}, too slow for 30 a second now", "close other programs, or try --fps 15"
        )
    return Finding(name, "ok", says)


def _timed_ms(call: Callable[[], object]) -> float:
    start_s = perf_counter()
    call()
    return (perf_counter() - start_s) * 1e3


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
    mend = f"{sys.executable} -m pip install --force-reinstall 'mediapipe==0.10.21' 'protobuf<5'"
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
