"""Tensors in, tensors out: one file per runtime, a protocol, a selector, a fake. Knows nothing of faces.

with open_engine(path) as described in engines.base:  engine.run({"w": w})["rgba"]
"""

from __future__ import annotations

from pathlib import Path

from engines.base import (
    Engine,
    EngineError,
    EngineLoadError,
    EngineRunError,
    EngineUnavailable,
    Precision,
    TensorSpec,
)
from engines.selection import CHOICES, Selection, select
from engines.survey import survey

PLANS = "plans"
"""Folder for built engines, inside the one for what can be made again."""

__all__ = [
    "CHOICES",
    "Engine",
    "EngineError",
    "EngineLoadError",
    "EngineRunError",
    "EngineUnavailable",
    "Precision",
    "Selection",
    "TensorSpec",
    "is_built",
    "open_engine",
    "select",
]


def open_engine(
    path: Path,
    engine: str = "auto",
    *,
    threads: int | None = None,
    precision: Precision = "auto",
    weights: bytes | None = None,
    cache: Path | None = None,
) -> Engine:
    """Load a model into the runtime of this name; the caller owns the engine and closes it.

    Args:
        path: An ONNX file with fixed shapes.
        engine: 'auto', or the name of a runtime as in `Selection.engine`. Those for a GPU may build for minutes.
        threads: Threads to compute with; None lets the runtime choose.
        precision: See `Precision`; a runtime that has only f32 takes 'auto' as f32, one for a GPU as fp16.
        weights: Stands in for the file beside the model that holds its external data.
        cache: This user's folder for what runtimes build; TensorRT needs one.

    Raises:
        EngineUnavailable: The runtime does not load here, runs no files (torch), or lacks the precision.
        EngineLoadError: The file is missing, damaged, not for this runtime, or asks for what no network needs.
    """
    chosen = select(engine).engine
    if precision == "bf16" and chosen != "openvino":
        raise EngineUnavailable(f"{chosen} does not compute in bf16; use the precision auto or the engine openvino")
    size = None if weights is None else len(weights)
    if chosen == "openvino":
        from engines.openvino_engine import OpenVinoEngine

        survey(path, size)
        return OpenVinoEngine(path, threads=threads, precision=precision, weights=weights)
    if chosen == "torch":
        raise EngineUnavailable("torch runs a module, not a file; build engines.torch_engine.TorchEngine from it")
    if chosen == "tensorrt":
        from engines.cache import PlanCache
        from engines.tensorrt_engine import TensorRtEngine

        if cache is None:
            raise EngineUnavailable("tensorrt needs a folder for what it builds; give one as cache")
        survey(path, size)
        plans = PlanCache(cache / PLANS)
        return TensorRtEngine(path, plans, precision="f32" if precision == "f32" else "fp16", weights=weights)
    from engines.onnx_engine import OnnxEngine
    from engines.onnx_providers import BUILDING, PROVIDERS

    provider = PROVIDERS[chosen]
    if provider == "Tensorrt" and weights is not None:
        # What it keeps is named after the graph alone: it would compute with the weights that it was built with.
        raise EngineUnavailable(f"{chosen} does not take other weights than the model's own")
    survey(path, size)
    room = built_room(path, chosen, cache / PLANS) if cache is not None and provider in BUILDING else None
    return OnnxEngine(path, threads=threads, provider=provider, weights=weights, cache=room)


def is_built(path: Path, engine: str, cache: Path) -> bool:
    """Whether opening a model takes no building: the cache has what this engine needs here, or it needs nothing.

    Raises:
        EngineError: The model is damaged, the GPU does not answer, or the cache cannot be used.
    """
    from engines.onnx_providers import BUILDING, PROVIDERS

    if engine == "tensorrt":
        from engines.tensorrt_build import find_plan

        return find_plan(path, cache / PLANS)
    if engine in PROVIDERS and PROVIDERS[engine] in BUILDING:
        return any(built_room(path, engine, cache / PLANS).iterdir())
    return True


def built_room(path: Path, engine: str, plans: Path) -> Path:
    """The folder in which ONNX Runtime keeps what it builds of a model for this machine."""
    from engines.cache import PlanCache
    from engines.cuda import Gpu
    from engines.onnx_providers import load_onnxruntime
    from engines.tensorrt_build import plan_key

    gpu = Gpu()
    try:
        key = plan_key(gpu, path, f"{engine} {load_onnxruntime().__version__}", "fp16")
    finally:
        gpu.close()
    return PlanCache(plans).room(key)
