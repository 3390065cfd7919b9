"""How long a portrait takes at 128 × 128, the built-in generator's size, and at 256 × 256, with one more level.

    python export/bench_sizes.py [--seconds 5]

Weights are random, since they do not matter; the graphs are exported as a bundle's are, and painted by OpenVINO in bf16
and in f32 on two threads. The processors' time says something on a busy machine too.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
import torch

from engines import Precision
from engines.base import Engine
from engines.openvino_engine import OpenVinoEngine
from export.to_onnx import export_synthesis
from puppet.bundle import SYNTHESIS
from puppet.networks.layout import GeneratorLayout, builtin_layout
from puppet.networks.stylegan2 import Generator
from puppet.report import hardware_line

SMALL = builtin_layout(z_dim=96, pose_dim=15)
LARGE = replace(SMALL, resolution=256, channels=(*SMALL.channels, 16))
PRECISIONS: Sequence[Precision] = ("bf16", "f32")
THREADS = 2


def portrait_ms(layout: GeneratorLayout, folder: Path, seconds: float) -> dict[str, tuple[float, float]]:
    """Milliseconds of a portrait, by the engine's name: the median, and how long processors work for it.

    Args:
        layout: Of a generator that is made up.
        folder: Empty, for its graph.
        seconds: For each engine.
    """
    torch.manual_seed(0)
    export_synthesis(Generator(layout).eval(), folder)
    w = np.random.default_rng(0).standard_normal((1, layout.num_ws, layout.w_dim), np.float32)
    took = {}
    with ExitStack() as stack:
        for precision in PRECISIONS:
            engine = OpenVinoEngine(folder / SYNTHESIS, threads=THREADS, precision=precision)
            stack.enter_context(closing(engine))
            took[engine.name] = _run_ms(engine, {"w": w}, seconds)
    return took


def _run_ms(engine: Engine, inputs: Mapping[str, np.ndarray], seconds: float) -> tuple[float, float]:
    engine.run(inputs)
    runs_s: list[float] = []
    worked_s, end_s = time.process_time(), time.perf_counter() + seconds
    while not runs_s or time.perf_counter() < end_s:
        began_s = time.perf_counter()
        engine.run(inputs)
        runs_s.append(time.perf_counter() - began_s)
    return 1e3 * median(runs_s), 1e3 * (time.process_time() - worked_s) / len(runs_s)


def main(arguments: list[str] | None = None) -> None:
    """Measure from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0, metavar="S", help="for each engine (default: 5)")
    options = parser.parse_args(arguments)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    print(f"\n{hardware_line()}; {THREADS} threads, random weights")
    for layout in (SMALL, LARGE):
        with tempfile.TemporaryDirectory(prefix="puppet-bench-") as name:
            for engine, (took, worked) in portrait_ms(layout, Path(name), options.seconds).items():
                words = f"{took:5.1f} ms, processors' time {worked:5.1f} ms"
                print(f"portrait  {layout.resolution}²  {words} in {engine}", flush=True)


if __name__ == "__main__":
    main()
