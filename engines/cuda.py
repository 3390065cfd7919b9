"""A GPU through NVIDIA's driver alone: memory, one stream, graphs of work, and what identifies the machine.

The driver library comes with every GPU that is set up, so nothing has to be installed for this, neither a toolkit nor
a binding. Source: NVIDIA, "CUDA Driver API" (the names below, and their `_v2` forms that its header selects).
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any

import numpy as np

from engines.base import EngineRunError, EngineUnavailable

DRIVER = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
MANAGEMENT = "nvml.dll" if sys.platform == "win32" else "libnvidia-ml.so.1"

_MAJOR, _MINOR = 75, 76
"""CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR."""

_THREAD_LOCAL = 1
"""CU_STREAM_CAPTURE_MODE_THREAD_LOCAL: what other threads do meanwhile is not recorded, and does not disturb."""

_NON_BLOCKING = 1
"""CU_STREAM_NON_BLOCKING: no waiting for the default stream."""

_NAME_BYTES = 128

Driver = Any
"""The driver library: its functions by name, each returning 0 or a code."""


class GpuError(EngineRunError):
    """The driver refused: no memory, a GPU that is gone, work that failed. The GPU may not be usable any more."""


class Gpu:
    """One GPU, with what an engine keeps on it. One thread at a time; `enter` comes first on a thread that is new."""

    def __init__(self, index: int = 0, driver: Driver | None = None) -> None:
        """Take a GPU and make a stream on it.

        Args:
            index: Its number, as the driver counts.
            driver: The driver library; None loads the machine's.

        Raises:
            EngineUnavailable: There is no driver, or no such GPU.
            GpuError: The GPU has no memory left, or does not answer.
        """
        self._driver = load_driver() if driver is None else driver
        self._owned = ExitStack()
        device = ctypes.c_int()
        if self._driver.cuInit(0) or self._driver.cuDeviceGet(ctypes.byref(device), index):
            raise EngineUnavailable("NVIDIA's driver is there and finds no GPU; nvidia-smi says why")
        self._device = device
        self._context = ctypes.c_void_p()
        self._do("cuDevicePrimaryCtxRetain", ctypes.byref(self._context), device)
        self._owned.callback(self._try, "cuDevicePrimaryCtxRelease_v2", device)
        self.enter()
        self._stream = ctypes.c_void_p()
        with self._undone_on_error():
            self._do("cuStreamCreate", ctypes.byref(self._stream), _NON_BLOCKING)
            self._owned.callback(self._try, "cuStreamDestroy_v2", self._stream)

    @property
    def stream(self) -> int:
        """The stream on which all work is done, as TensorRT takes it."""
        return self._stream.value or 0

    @property
    def name(self) -> str:
        """What the maker calls it: 'NVIDIA H100 80GB HBM3'."""
        name = ctypes.create_string_buffer(_NAME_BYTES)
        self._do("cuDeviceGetName", name, _NAME_BYTES, self._device)
        return name.value.decode(errors="replace")

    @property
    def compute_capability(self) -> str:
        """Its generation: '9.0'."""
        major, minor = ctypes.c_int(), ctypes.c_int()
        self._do("cuDeviceGetAttribute", ctypes.byref(major), _MAJOR, self._device)
        self._do("cuDeviceGetAttribute", ctypes.byref(minor), _MINOR, self._device)
        return f"{major.value}.{minor.value}"

    @property
    def memory_bytes(self) -> int:
        """All of its memory."""
        size = ctypes.c_size_t()
        self._do("cuDeviceTotalMem_v2", ctypes.byref(size), self._device)
        return size.value

    @property
    def driver_version(self) -> str:
        """The driver's own version where it can be told, and the newest CUDA that it runs: '570.86.15, CUDA 12080'."""
        cuda = ctypes.c_int()
        self._do("cuDriverGetVersion", ctypes.byref(cuda))
        own = _management_version()
        return f"{own}, CUDA {cuda.value}" if own else f"CUDA {cuda.value}"

    def enter(self) -> None:
        """Make this GPU the calling thread's own.

        Raises:
            GpuError: It is gone.
        """
        self._do("cuCtxSetCurrent", self._context)

    def allocate(self, size: int) -> int:
        """Memory on the GPU, kept until `close`; its address.

        Raises:
            GpuError: There is not so much left.
        """
        address = ctypes.c_uint64()
        self._do("cuMemAlloc_v2", ctypes.byref(address), ctypes.c_size_t(size))
        self._owned.callback(self._try, "cuMemFree_v2", address)
        return address.value

    def pin(self, array: np.ndarray) -> None:
        """Keep an array in place until `close`, so that copies run without the processor; it stays the caller's.

        Raises:
            GpuError: The system does not allow so much.
        """
        address = ctypes.c_void_p(array.ctypes.data)
        self._do("cuMemHostRegister_v2", address, ctypes.c_size_t(array.nbytes), 0)
        self._owned.callback(self._try, "cuMemHostUnregister", address)

    def upload(self, array: np.ndarray, address: int) -> None:
        """Copy a pinned array to the GPU, in its turn on the stream."""
        source, size = ctypes.c_void_p(array.ctypes.data), ctypes.c_size_t(array.nbytes)
        self._do("cuMemcpyHtoDAsync_v2", ctypes.c_uint64(address), source, size, self._stream)

    def download(self, address: int, array: np.ndarray) -> None:
        """Copy from the GPU into a pinned array, in its turn on the stream."""
        target, size = ctypes.c_void_p(array.ctypes.data), ctypes.c_size_t(array.nbytes)
        self._do("cuMemcpyDtoHAsync_v2", target, ctypes.c_uint64(address), size, self._stream)

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        """Work on the stream as one graph, which starts with one call.

        Args:
            work: Called once; what it asks of the stream is recorded, not done.

        Returns:
            Does the work, and waits for its end; raises GpuError when it fails.

        Raises:
            GpuError: The work cannot be recorded.
        """
        graph, ready = ctypes.c_void_p(), ctypes.c_void_p()
        self._do("cuStreamBeginCapture_v2", self._stream, _THREAD_LOCAL)
        try:
            work()
        finally:
            # Also after an error: a stream that goes on recording can do nothing else any more.
            ended = self._driver.cuStreamEndCapture(self._stream, ctypes.byref(graph))
        self._check("cuStreamEndCapture", ended)
        self._owned.callback(self._try, "cuGraphDestroy", graph)
        self._do("cuGraphInstantiateWithFlags", ctypes.byref(ready), graph, ctypes.c_uint64(0))
        self._owned.callback(self._try, "cuGraphExecDestroy", ready)

        def play() -> None:
            self._do("cuGraphLaunch", ready, self._stream)
            self.wait()

        return play

    def wait(self) -> None:
        """Wait until all work on the stream is done.

        Raises:
            GpuError: Some of it failed.
        """
        self._do("cuStreamSynchronize", self._stream)

    def close(self) -> None:
        """Give everything back, on any thread; a GPU that is gone keeps it. A second call does nothing."""
        self._try("cuCtxSetCurrent", self._context)
        self._owned.close()

    def _undone_on_error(self) -> ExitStack:
        """A block at whose error everything is given back."""
        stack = ExitStack()

        def undo(kind: object, error: BaseException | None, trace: object) -> None:
            if error is not None:
                self.close()

        stack.push(undo)
        return stack

    def _try(self, function: str, *arguments: object) -> None:
        """Give back; what cannot be given back any more is lost anyway."""
        getattr(self._driver, function)(*arguments)

    def _do(self, function: str, *arguments: object) -> None:
        self._check(function, getattr(self._driver, function)(*arguments))

    def _check(self, function: str, code: int) -> None:
        if code:
            name = ctypes.c_char_p()
            self._driver.cuGetErrorName(code, ctypes.byref(name))
            said = (name.value or b"an unknown error").decode()
            raise GpuError(f"the GPU failed in {function} ({said}, {code}); nvidia-smi shows what uses it")


def gpu_name() -> str | None:
    """What the first GPU is called; None where there is none. Takes nothing of it."""
    device, name = ctypes.c_int(), ctypes.create_string_buffer(_NAME_BYTES)
    try:
        driver = load_driver()
    except EngineUnavailable:
        return None
    if (
        driver.cuInit(0)
        or driver.cuDeviceGet(ctypes.byref(device), 0)
        or driver.cuDeviceGetName(name, _NAME_BYTES, device)
    ):
        return None
    return name.value.decode(errors="replace")


def load_driver() -> Driver:
    """The machine's driver library.

    Raises:
        EngineUnavailable: There is none.
    """
    try:
        return ctypes.CDLL(DRIVER)
    except OSError as error:
        raise EngineUnavailable(
            f"there is no NVIDIA GPU that could be used ({error}); install NVIDIA's driver where there is a GPU"
        ) from error


def _management_version() -> str | None:
    """What nvidia-smi shows as the driver's version; None where its library is missing, as on some small boards."""
    with suppress(OSError):
        library = ctypes.CDLL(MANAGEMENT)
        version = ctypes.create_string_buffer(_NAME_BYTES)
        if library.nvmlInit_v2() == 0:
            try:
                if library.nvmlSystemGetDriverVersion(version, _NAME_BYTES) == 0:
                    return version.value.decode(errors="replace")
            finally:
                library.nvmlShutdown()
    return None
