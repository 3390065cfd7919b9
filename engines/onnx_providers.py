"""ONNX Runtime's execution providers for NVIDIA GPUs: whether each can work here, and how a session asks for it.

The runtime lists its providers on every machine, prints errors where one cannot be loaded, and goes on with the
processor. So each is tried here first, quietly, and the session is asked afterwards which one it really took.
"""

from __future__ import annotations

import ctypes
import io
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

from engines.base import EngineUnavailable

if TYPE_CHECKING:
    import onnxruntime

Provider = Literal["CPU", "CUDA", "Tensorrt", "NvTensorRTRTX"]
"""As the runtime names them, less the ending."""

SUFFIX = "ExecutionProvider"

TELEMETRY = "ORT_DISABLE_TELEMETRY"
"""Read by the runtime's libraries when they are loaded; from 1.29 on they report to a server."""

PROVIDERS: dict[str, Provider] = {
    "onnxruntime": "CPU",
    "onnxruntime-cuda": "CUDA",
    "onnxruntime-tensorrt": "Tensorrt",
    "onnxruntime-tensorrt-rtx": "NvTensorRTRTX",
}
"""By the engine's name, as a user may ask for it."""

BUILDING = ("Tensorrt", "NvTensorRTRTX")
"""Providers that compile a model, and can keep the result."""

PLUGIN = "onnxruntime_ep_nv_tensorrt_rtx"
"""The package of TensorRT-RTX's provider, which the runtime loads as a plug-in."""

GET: dict[str, str] = {
    "CUDA": 'it needs CUDA 13 and cuDNN 9: pip install "onnxruntime-gpu[cuda,cudnn]"',
    "Tensorrt": 'it needs TensorRT 10: pip install "tensorrt-cu13<11" --extra-index-url https://pypi.nvidia.com',
    "NvTensorRTRTX": "pip install onnxruntime-ep-nv-tensorrt-rtx",
}
"""What each needs, where it is missing."""


def load_onnxruntime() -> ModuleType:
    """The runtime's module; imported here alone, since it reports its use to its maker unless it is forbidden before.

    Raises:
        ImportError: It is not installed, or its libraries do not load.
    """
    os.environ[TELEMETRY] = "1"
    return import_module("onnxruntime")


def provider_fault(provider: Provider) -> str | None:
    """Why a provider cannot work on this machine; None when it can."""
    if provider == "CPU":
        return None
    if not _gpu_answers():
        return "there is no NVIDIA GPU that answers"
    if provider == "NvTensorRTRTX":
        return None if find_spec(PLUGIN) is not None else GET[provider]
    try:
        _load_library(provider.lower())
    except (OSError, ImportError) as error:
        return f"{error}; {GET[provider]}"
    return None


def ask_for(options: onnxruntime.SessionOptions, provider: Provider, cache: Path | None) -> list[Any]:
    """What a session is made with: the list of its providers, best first.

    Args:
        options: TensorRT-RTX is added here, since the runtime takes plug-ins no other way.
        provider: What is wanted.
        cache: A folder of this user's own, where a provider may keep what it builds for this model on this machine.

    Raises:
        EngineUnavailable: The plug-in supports no GPU of this machine.
        OSError: Its libraries do not load.
    """
    cpu = f"CPU{SUFFIX}"
    if provider == "CPU":
        return [cpu]
    if provider == "NvTensorRTRTX":
        devices = _plugin_devices()
        wanted = {"nv_runtime_cache_path": str(cache)} if cache is not None else {}
        options.add_provider_for_devices(devices, wanted)
        return []
    if provider == "CUDA":
        return [f"CUDA{SUFFIX}", cpu]
    kept = {} if cache is None else {"trt_engine_cache_enable": True, "trt_engine_cache_path": str(cache)}
    return [(f"Tensorrt{SUFFIX}", kept), f"CUDA{SUFFIX}", cpu]


def _plugin_devices() -> list[Any]:
    onnxruntime = load_onnxruntime()
    plugin = import_module(PLUGIN)
    name = plugin.get_ep_name()

    def devices() -> list[Any]:
        return [device for device in onnxruntime.get_ep_devices() if device.ep_name == name]

    if not devices():
        onnxruntime.register_execution_provider_library(name, plugin.get_library_path())
    found = devices()
    if not found:
        raise EngineUnavailable(f"{PLUGIN} finds no GPU that it supports; it needs Ampere or newer")
    return found


def _gpu_answers() -> bool:
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int(0)
    return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0


def _load_library(name: str) -> None:
    """Load a provider's library, if need be with the CUDA libraries that pip has installed.

    Raises:
        OSError: It, or something that it needs, is missing.
    """
    onnxruntime = load_onnxruntime()
    windows = sys.platform == "win32"
    file = f"onnxruntime_providers_{name}.dll" if windows else f"libonnxruntime_providers_{name}.so"
    path = str(Path(onnxruntime.__file__ or "").parent / "capi" / file)
    try:
        ctypes.CDLL(path)
    except OSError:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):  # it prints what it does not find
            onnxruntime.preload_dlls()
        ctypes.CDLL(path)
