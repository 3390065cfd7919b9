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
) -> Engine:
    """Load a model into the runtime of this name; the caller owns the engine and closes it.

    Args:
        path: An ONNX file with fixed shapes.
        engine: 'auto', or the name of a runtime as in `Selection.engine`.
        threads: Threads to compute with; None lets the runtime choose.
        precision: See `Precision`; a runtime that has only f32 takes 'auto' as f32.
        weights: Stands in for the file beside the model that holds its external data.

    Raises:
        EngineUnavailable: The runtime does not load here, runs no files (torch), or lacks the precision.
        EngineLoadError: The file is missing, damaged, or not for this runtime.
    """
    chosen = select(engine).engine
    if chosen == "openvino":
        from engines.openvino_engine import OpenVinoEngine

        return OpenVinoEngine(path, threads=threads, precision=precision, weights=weights)
    if chosen == "onnxruntime":
        from engines.onnx_engine import OnnxEngine

        if precision == "bf16":
            raise EngineUnavailable("onnxruntime computes in f32 only; use the precision auto or the engine openvino")
        return OnnxEngine(path, threads=threads, weights=weights)
    raise EngineUnavailable("torch runs a module, not a file; build engines.torch_engine.TorchEngine from it")
