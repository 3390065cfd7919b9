"""TensorRT on an NVIDIA GPU: plans run by the plain runtime, each call one CUDA graph on one stream.

    pinned inputs ── copy ──> GPU ── plan ──> GPU ── copy ──> pinned outputs        recorded once, started by one call

A plan is taken from the cache or built, which takes minutes; see `engines.ladder` for who serves meanwhile. Other
weights under the same graph are put into the plan when it is opened, which takes seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import numpy as np

from engines.base import EngineLoadError, EngineRunError, TensorSpec, check_inputs, static_spec
from engines.cache import PlanCache, PlanKey
from engines.cuda import Gpu, GpuError
from engines.folding import prepared
from engines.tensorrt_build import Ear, PlanPrecision, TensorRt, build_plan, load_tensorrt, plan_key


class TensorRtEngine:
    """An ONNX model as a TensorRT plan."""

    def __init__(
        self,
        path: Path,
        plans: PlanCache,
        *,
        precision: PlanPrecision = "fp16",
        weights: bytes | None = None,
        gpu: Gpu | None = None,
    ) -> None:
        """Find or build the plan, and make everything that a call needs.

        Args:
            path: An ONNX file with fixed shapes; external data is read from its folder.
            plans: Where built plans are kept.
            precision: In `fp16` convolutions compute in float16, everything else in float32.
            weights: Stands in for the file that holds the external data; put into the plan of the model's own.
            gpu: Becomes the engine's own; None takes the machine's first.

        Raises:
            EngineUnavailable: TensorRT is not installed, or there is no GPU.
            EngineLoadError: The model does not fit TensorRT, the plan cannot be built, kept or loaded, the weights do
                not fit the plan, or the GPU has not enough memory.
        """
        self._trt: TensorRt = load_tensorrt()
        if not path.is_file():
            raise EngineLoadError(f"expected an ONNX model at {path}; there is no such file")
        self._precision = precision
        self._ear = Ear()
        self._logger = self._ear.logger(self._trt)
        with ExitStack() as stack:
            try:
                self._gpu = Gpu() if gpu is None else gpu
                stack.callback(self._gpu.close)
                stack.callback(self._let_go)
                self._gpu.enter()
                self._name = f"tensorrt {self._gpu.name} {precision}"  # now: a GPU that is lost does not tell its name
                key = plan_key(self._gpu, path, f"tensorrt {self._trt.__version__}", precision)
                self._engine = self._open(path, plans, key)
                if weights is not None:
                    self._refit(path, weights)
                self._bind()
            except GpuError as error:
                raise EngineLoadError(f"{path.name} does not fit the GPU: {error}") from error
            except (RuntimeError, MemoryError) as error:
                raise EngineLoadError(f"TensorRT could not open {path.name} ({error})") from error
            self._owned: ExitStack | None = stack.pop_all()

    def _open(self, path: Path, plans: PlanCache, key: PlanKey) -> Any:  # noqa: ANN401 (tensorrt.ICudaEngine)
        """The loaded plan; one that the runtime refuses is built again, once."""
        self._runtime = self._trt.Runtime(self._logger)
        engine = None
        plan = plans.find(key)
        if plan is not None:
            engine = self._runtime.deserialize_cuda_engine(plan)
        if engine is None:
            plans.forget(key)
            plan = plans.plan(key, lambda: build_plan(self._trt, path, self._precision))
            engine = self._runtime.deserialize_cuda_engine(plan)
        if engine is None:
            plans.forget(key)
            raise EngineLoadError(f"TensorRT refuses the plan that it built for {path.name} ({self._ear.last})")
        return engine

    def _refit(self, path: Path, weights: bytes) -> None:
        refitter = self._trt.Refitter(self._engine, self._logger)
        parser = self._trt.OnnxParserRefitter(refitter, self._logger)
        model = prepared(path, weights, half=self._precision == "fp16")
        if not parser.refit_from_bytes(model) or not refitter.refit_cuda_engine():
            raise EngineLoadError(f"the weights do not fit the plan of {path.name} ({self._ear.last})")

    def _bind(self) -> None:
        """Buffers on both sides, and the recorded work between them."""
        self._context = self._engine.create_execution_context()
        if self._context is None:
            raise EngineLoadError(f"the GPU has not enough memory for the plan ({self._ear.last})")
        names = [self._engine.get_tensor_name(i) for i in range(self._engine.num_io_tensors)]
        inward = [self._engine.get_tensor_mode(name) == self._trt.TensorIOMode.INPUT for name in names]
        specs = [self._spec(name) for name in names]
        self.inputs = tuple(spec for spec, inside in zip(specs, inward, strict=True) if inside)
        self.outputs = tuple(spec for spec, inside in zip(specs, inward, strict=True) if not inside)
        self._in = {spec.name: spec.empty() for spec in self.inputs}
        self._out = {spec.name: spec.empty() for spec in self.outputs}
        self._places: dict[str, int] = {}
        for name, array in (*self._in.items(), *self._out.items()):
            self._gpu.pin(array)
            self._places[name] = self._gpu.allocate(array.nbytes)
            self._context.set_tensor_address(name, self._places[name])
        self._work()  # once before it is recorded: the first call allocates
        self._gpu.wait()
        self._play = self._gpu.record(self._work)

    def _work(self) -> None:
        for name, array in self._in.items():
            self._gpu.upload(array, self._places[name])
        if not self._context.execute_async_v3(self._gpu.stream):
            raise GpuError(f"TensorRT did not start the plan ({self._ear.last})")
        for name, array in self._out.items():
            self._gpu.download(self._places[name], array)

    def _spec(self, name: str) -> TensorSpec:
        dtype = np.dtype(self._trt.nptype(self._engine.get_tensor_dtype(name))).name
        return static_spec(name, [int(size) for size in self._engine.get_tensor_shape(name)], dtype)

    @property
    def name(self) -> str:
        """Runtime, the GPU and the precision: 'tensorrt NVIDIA RTX 4090 fp16'."""
        return self._name

    def run(self, inputs: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        """Compute all outputs, by name; borrowed until the next call.

        Raises:
            EngineRunError: Wrong inputs, a GPU that failed or is gone, or a closed engine.
        """
        if self._owned is None:
            raise EngineRunError("this tensorrt engine is closed; open a new one")
        check_inputs(self.inputs, inputs)
        for name, buffer in self._in.items():
            np.copyto(buffer, inputs[name])
        self._gpu.enter()
        self._play()
        return self._out

    def close(self) -> None:
        """Free the plan and all memory on the GPU. A second call does nothing."""
        if self._owned is not None:
            owned, self._owned = self._owned, None
            owned.close()

    def _let_go(self) -> None:
        """Forget what TensorRT made, while the GPU that it was made on is still ours, and this thread's."""
        with suppress(GpuError):
            self._gpu.enter()
        for name in ("_play", "_context", "_engine", "_runtime"):
            self.__dict__.pop(name, None)
