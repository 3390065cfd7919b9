"""TensorRT: whether it is here, and plans, which are graphs compiled for one GPU, with the key they are kept under.

Plans can be refitted: their weights may be replaced by those of another graph of the same structure, in seconds. The
precision is in the graph (see `engines.folding`), since TensorRT 11 takes types as they are written there.
Source: NVIDIA, "TensorRT Python API Reference", version 11.
"""

from __future__ import annotations

import hashlib
import importlib
from pathlib import Path
from typing import Any, Literal

import onnx
from google.protobuf.message import DecodeError

from engines.base import EngineLoadError, EngineUnavailable
from engines.cache import PlanCache, PlanKey
from engines.cuda import Gpu
from engines.folding import VERSION, prepared

GET = 'pip install "torch-tensorrt>=2.13,<2.14" --extra-index-url https://pypi.nvidia.com'
"""TensorRT's libraries are in no other index."""

PlanPrecision = Literal["f32", "fp16"]

TensorRt = Any
"""The module `tensorrt`."""


class Ear:
    """What TensorRT says while it works, kept instead of printed."""

    def __init__(self) -> None:
        """Nothing was said yet."""
        self.last = ""

    def logger(self, trt: TensorRt) -> Any:  # noqa: ANN401 (a class that exists only where TensorRT does)
        """A logger for TensorRT that tells this ear the errors."""
        ear = self

        class Logger(trt.ILogger):  # type: ignore[misc]
            def __init__(self) -> None:
                trt.ILogger.__init__(self)

            def log(self, severity: object, message: str) -> None:
                if severity in (trt.ILogger.Severity.ERROR, trt.ILogger.Severity.INTERNAL_ERROR):
                    ear.last = " ".join(message.split())

        return Logger()


def load_tensorrt() -> TensorRt:
    """The runtime's module.

    Raises:
        EngineUnavailable: It is not installed, or its libraries do not load.
    """
    try:
        return importlib.import_module("tensorrt")
    except (ImportError, OSError, RuntimeError) as error:
        raise EngineUnavailable(f"TensorRT cannot be imported ({error}); {GET}") from error


def plan_key(gpu: Gpu, path: Path, runtime: str, precision: PlanPrecision) -> PlanKey:
    """What a built engine depends on.

    Args:
        gpu: Where it is built and runs.
        path: The model.
        runtime: Name and version of what builds and runs it.
        precision: What it computes in.

    Raises:
        EngineLoadError: The model is missing or damaged.
    """
    return PlanKey(
        model=model_sha256(path),
        device=gpu.name,
        compute_capability=gpu.compute_capability,
        driver=gpu.driver_version,
        runtime=runtime,
        precision=precision,
        exporter=f"{VERSION}, onnx {onnx.__version__}",
    )


def find_plan(path: Path, folder: Path, precision: PlanPrecision = "fp16") -> bool:
    """Whether a plan of a model for this machine lies in a cache's folder.

    Raises:
        EngineUnavailable: TensorRT is not installed, or there is no GPU.
        EngineLoadError: The model is missing or damaged.
        GpuError: The GPU does not answer.
    """
    trt, gpu = load_tensorrt(), Gpu()
    try:
        key = plan_key(gpu, path, f"tensorrt {trt.__version__}", precision)
    finally:
        gpu.close()
    return PlanCache(folder).find(key) is not None


def model_sha256(path: Path) -> str:
    """Hash of a graph and of every file beside it that holds its weights.

    Raises:
        EngineLoadError: One of them is missing, or the graph is damaged.
    """
    try:
        content = path.read_bytes()
        places = {
            entry.value
            for tensor in onnx.load_from_string(content).graph.initializer
            for entry in tensor.external_data
            if entry.key == "location"
        }
        files = [hashlib.sha256((path.parent / place).read_bytes()).hexdigest() for place in sorted(places)]
    except (OSError, DecodeError) as error:
        raise EngineLoadError(f"{path} is not a model that ONNX can load: {error}") from error
    return hashlib.sha256(b" ".join([hashlib.sha256(content).digest(), *(each.encode() for each in files)])).hexdigest()


def build_plan(trt: TensorRt, path: Path, precision: PlanPrecision) -> bytes:
    """Compile a model for the GPU of this machine; takes minutes.

    Raises:
        EngineLoadError: The model is damaged or has an operator that TensorRT does not know, or there was not enough
            memory.
    """
    model = prepared(path, half=precision == "fp16")
    ear = Ear()
    logger = ear.logger(trt)
    try:
        builder = trt.Builder(logger)
        network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
        parser = trt.OnnxParser(network, logger)
        if not parser.parse(model):
            why = "; ".join(str(parser.get_error(i)) for i in range(parser.num_errors))
            raise EngineLoadError(f"{path} is not a model that TensorRT can load: {why or ear.last}")
        config = builder.create_builder_config()
        config.set_flag(trt.BuilderFlag.REFIT)
        plan = builder.build_serialized_network(network, config)
    except (RuntimeError, MemoryError) as error:
        raise EngineLoadError(f"TensorRT could not build {path.name} ({error})") from error
    if plan is None:
        raise EngineLoadError(f"TensorRT could not build {path.name} ({ear.last or 'it does not say why'})")
    return bytes(plan)
