"""OpenVINO on the CPU: the fastest engine without a GPU, in bfloat16 where the processor has it."""

from __future__ import annotations

import ctypes
import io
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engines.base import (
    EngineLoadError,
    EngineRunError,
    EngineUnavailable,
    Precision,
    TensorSpec,
    check_inputs,
    static_spec,
)
from engines.inlined import inlined

if TYPE_CHECKING:
    import openvino


def _forbid_telemetry() -> None:
    """Importing OpenVINO would tell a server about it, from a copy of this process that also holds our locks."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # so Python notes a failed import


@contextmanager
def _kept_signal_stack() -> Iterator[None]:
    """Leave the calling thread its signal stack.

    OpenVINO sets one of its own while a model is open. Models closed in the order in which they were opened leave the
    thread with freed memory as its signal stack, and the next signal, Ctrl-C or SIGTERM, kills the process.
    """
    if sys.platform != "linux":
        yield
        return
    sigaltstack, before = ctypes.CDLL(None).sigaltstack, _SignalStack()
    sigaltstack(None, ctypes.byref(before))
    try:
        yield
    finally:
        sigaltstack(ctypes.byref(before), None)


class _SignalStack(ctypes.Structure):
    """C's stack_t on Linux."""

    _fields_ = (("pointer", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


class OpenVinoEngine:
    """An ONNX model in OpenVINO, tuned for the latency of one call at a time.

    Inputs are copied into tensors that share our buffers, outputs are written by the runtime into our buffers.
    """

    def __init__(
        self, path: Path, *, threads: int | None = None, precision: Precision = "auto", weights: bytes | None = None
    ) -> None:
        """Load and compile a model.

        Args:
            path: An ONNX file with fixed shapes; external data is read from its folder.
            threads: Threads to compute with; None lets the runtime choose.
            precision: `bf16` rounds while computing; `auto` is bf16 where the CPU has it, else f32.
            weights: Stands in for the file that holds the external data.

        Raises:
            EngineUnavailable: OpenVINO cannot be imported, or the CPU has no bf16 and it was asked for by name.
            EngineLoadError: The file is missing, damaged, or has tensors this engine cannot hold.
        """
        _forbid_telemetry()
        try:
            import openvino
        except ImportError as error:
            raise EngineUnavailable(f"OpenVINO cannot be imported ({error}); pip install openvino") from error
        if not path.is_file():
            raise EngineLoadError(f"expected an ONNX model at {path}; there is no such file")
        with _kept_signal_stack():
            core = openvino.Core()
            self._precision = _precision(core, precision)
            compiled = _compile(core, path, weights, threads, self._precision)
            if not compiled.outputs:
                raise EngineLoadError(f"{path} is not a model that OpenVINO can load: it has no outputs")
            self.inputs = tuple(_spec(port) for port in compiled.inputs)
            self.outputs = tuple(_spec(port) for port in compiled.outputs)
            self._in = {spec.name: spec.empty() for spec in self.inputs}
            self._out = {spec.name: spec.empty() for spec in self.outputs}
            self._request: openvino.InferRequest | None = compiled.create_infer_request()
            for port, array in zip(compiled.inputs, self._in.values(), strict=True):
                self._request.set_tensor(port, openvino.Tensor(array, shared_memory=True))
            for port, array in zip(compiled.outputs, self._out.values(), strict=True):
                self._request.set_tensor(port, openvino.Tensor(array, shared_memory=True))

    @property
    def name(self) -> str:
        """Runtime, device and the precision it computes in: 'openvino CPU bf16'."""
        return f"openvino CPU {self._precision}"

    def run(self, inputs: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        """Compute all outputs, by name; borrowed until the next call.

        Raises:
            EngineRunError: Wrong inputs, a failure of the runtime, or a closed engine.
        """
        if self._request is None:
            raise EngineRunError("this openvino engine is closed; open a new one")
        check_inputs(self.inputs, inputs)
        for name, buffer in self._in.items():
            np.copyto(buffer, inputs[name])
        try:
            self._request.infer(share_outputs=True)
        except RuntimeError as error:
            raise EngineRunError(f"openvino failed while computing: {_last_line(error)}") from error
        return self._out

    def close(self) -> None:
        """Free the compiled model. A second call does nothing."""
        with _kept_signal_stack():
            self._request = None


def _precision(core: openvino.Core, wanted: Precision) -> str:
    has_bf16 = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if wanted == "bf16" and not has_bf16:
        raise EngineUnavailable("bf16 was asked for and this CPU does not have it; use the precision auto or f32")
    return "bf16" if has_bf16 and wanted != "f32" else "f32"


def _compile(
    core: openvino.Core, path: Path, weights: bytes | None, threads: int | None, precision: str
) -> openvino.CompiledModel:
    from openvino import frontend

    # A thread that is pinned waits for its core while another one is free: graphs run beside each other, and others do.
    options: dict[str, Any] = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": precision,
        "ENABLE_CPU_PINNING": False,
    }
    if threads is not None:
        options["INFERENCE_NUM_THREADS"] = threads
    # Ask for the ONNX frontend by name: guessing lets other frontends print their own errors on a damaged file.
    reader = frontend.FrontEndManager().load_by_framework("onnx")
    failures = (
        RuntimeError,
        frontend.GeneralFailure,
        frontend.InitializationFailure,
        frontend.NotImplementedFailure,
        frontend.OpConversionFailure,
        frontend.OpValidationFailure,
    )
    source = str(path) if weights is None else io.BytesIO(inlined(path, weights))
    try:
        return core.compile_model(reader.convert(reader.load(source)), "CPU", options)
    except failures as error:
        raise EngineLoadError(f"{path} is not a model that OpenVINO can load: {_last_line(error)}") from error


def _spec(port: openvino.ConstOutput) -> TensorSpec:
    shape = port.get_partial_shape()
    sizes = list(port.get_shape()) if shape.is_static else [str(size) for size in shape]
    return static_spec(port.get_any_name(), sizes, port.get_element_type().to_dtype().name)


def _last_line(error: Exception) -> str:
    return str(error).strip().rpartition("\n")[2]
