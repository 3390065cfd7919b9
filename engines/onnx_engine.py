"""ONNX Runtime: the engine that runs everywhere, and on an NVIDIA GPU where one of its providers comes up."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engines.base import EngineLoadError, EngineRunError, EngineUnavailable, TensorSpec, check_inputs, static_spec
from engines.folding import prepared
from engines.inlined import inlined
from engines.onnx_providers import SUFFIX, Provider, ask_for, load_onnxruntime, provider_fault

if TYPE_CHECKING:
    import onnxruntime

_NUMPY_DTYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(uint8)": "uint8",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
    "tensor(bool)": "bool",
}

_SILENT = 4
"""ONNX Runtime's log level 'fatal only': our errors say the rest."""


class OnnxEngine:
    """An ONNX model in ONNX Runtime, in float32 on the processor; on a GPU convolutions compute in float16.

    Inputs are copied into buffers bound once, outputs are written by the runtime into buffers bound once.
    """

    def __init__(
        self,
        path: Path,
        *,
        threads: int | None = None,
        provider: Provider = "CPU",
        weights: bytes | None = None,
        cache: Path | None = None,
    ) -> None:
        """Load a model.

        Args:
            path: An ONNX file with fixed shapes; external data is read from its folder.
            threads: Threads of the CPU provider; None lets the runtime choose.
            provider: What computes; no other takes its place.
            weights: Stands in for the file that holds the external data.
            cache: See `engines.onnx_providers.ask_for`.

        Raises:
            EngineUnavailable: ONNX Runtime cannot be imported, or the provider does not come up here.
            EngineLoadError: The file is missing, damaged, or has tensors this engine cannot hold.
        """
        try:
            self._errors = _runtime_errors()
        except ImportError as error:
            raise EngineUnavailable(f"ONNX Runtime cannot be imported ({error}); pip install onnxruntime") from error
        if not path.is_file():
            raise EngineLoadError(f"expected an ONNX model at {path}; there is no such file")
        fault = provider_fault(provider)
        if fault is not None:
            raise EngineUnavailable(f"ONNX Runtime's {provider} provider does not come up here: {fault}")
        source = prepared(path, weights, half=True) if provider != "CPU" else _source(path, weights)
        self._session: onnxruntime.InferenceSession | None = self._load(path, source, threads, provider, cache)
        self._provider = self._session.get_providers()[0].removesuffix(SUFFIX)
        if self._provider != provider:
            raise EngineUnavailable(
                f"ONNX Runtime's {provider} provider was asked for, and {self._provider} took its place without a word"
            )
        self.inputs = tuple(_spec(argument) for argument in self._session.get_inputs())
        self.outputs = tuple(_spec(argument) for argument in self._session.get_outputs())
        self._bind()

    def _load(
        self, path: Path, source: str | bytes, threads: int | None, provider: Provider, cache: Path | None
    ) -> onnxruntime.InferenceSession:
        onnxruntime = load_onnxruntime()
        options = onnxruntime.SessionOptions()
        options.log_severity_level = _SILENT
        options.intra_op_num_threads = threads or 0
        errors: tuple[type[Exception], ...] = (*self._errors, OSError)
        try:
            providers = ask_for(options, provider, cache)
            # Without its own fallback, which prints, and goes on with another provider.
            return onnxruntime.InferenceSession(source, options, providers=providers or None, enable_fallback=0)
        except errors as error:
            raise EngineLoadError(f"{path} is not a model that ONNX Runtime can load: {_first_line(error)}") from error

    def _bind(self) -> None:
        assert self._session is not None
        self._binding = self._session.io_binding()
        self._in = {spec.name: spec.empty() for spec in self.inputs}
        self._out = {spec.name: spec.empty() for spec in self.outputs}
        for name, array in self._in.items():
            self._binding.bind_input(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
        for name, array in self._out.items():
            self._binding.bind_output(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)

    @property
    def name(self) -> str:
        """Runtime, the provider that the session really took, precision: 'onnxruntime CPU f32'."""
        return f"onnxruntime {self._provider} {'f32' if self._provider == 'CPU' else 'fp16'}"

    def run(self, inputs: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        """Compute all outputs, by name; borrowed until the next call.

        Raises:
            EngineRunError: Wrong inputs, a failure of the runtime, or a closed engine.
        """
        if self._session is None:
            raise EngineRunError("this onnxruntime engine is closed; open a new one")
        check_inputs(self.inputs, inputs)
        for name, buffer in self._in.items():
            np.copyto(buffer, inputs[name])
        try:
            self._session.run_with_iobinding(self._binding)
        except self._errors as error:
            raise EngineRunError(f"onnxruntime failed while computing: {_first_line(error)}") from error
        return self._out

    def close(self) -> None:
        """Free the session. A second call does nothing."""
        if self._session is not None:
            del self._binding
            self._session = None


def _runtime_errors() -> tuple[type[Exception], ...]:
    """Every exception class of ONNX Runtime; they share no base class."""
    state = load_onnxruntime().capi.onnxruntime_pybind11_state
    classes = (value for value in vars(state).values() if isinstance(value, type))
    return (RuntimeError, *(found for found in classes if issubclass(found, Exception)))


def _source(path: Path, weights: bytes | None) -> str | bytes:
    return str(path) if weights is None else inlined(path, weights)


def _spec(argument: onnxruntime.NodeArg) -> TensorSpec:
    dtype = _NUMPY_DTYPES.get(argument.type)
    if dtype is None:
        raise EngineLoadError(f"tensor {argument.name} has the type {argument.type}, which this engine cannot hold")
    return static_spec(argument.name, argument.shape, dtype)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
