"""Times generators on this machine's NVIDIA GPU, in every way that works here, beside the least time it could take.

    python export/bench_gpu.py --json out/gpu.json

The built-in generator and the paper's at 256 × 256, one picture at a time: torch eager in f32, fp16 and bf16, compiled,
as a CUDA graph, and every engine for a GPU that works here. The paper's has 28 GMAC when convolutions that enlarge are
counted on the enlarged picture, as is usual, and 15 as it computes them.

The roofline is the larger of two times: all multiplications at the rate that a matrix product reaches on this GPU in
the same precision, and all weights and features once through its memory at the rate of a copy; both rates are measured
in the same run.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from engines import EngineError, open_engine
from engines.cuda import gpu_name, load_driver
from engines.selection import GPU_LADDER, engine_fault
from engines.times import measure_ms
from export.to_onnx import Painter, export_synthesis
from puppet.bundle import SYNTHESIS, builtin_bundle_path, load_bundle
from puppet.errors import PuppetError
from puppet.networks.layout import GeneratorLayout, stylegan2_layout
from puppet.networks.stylegan2 import Generator

DTYPES = {"f32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
SECONDS = 0.5
SIDE = 4096
"""Of the matrices whose product gives the rate."""

COPIED = 1 << 28
"""Bytes whose copy gives the other."""

Way = tuple[str, str, float]
"""A name, the precision, and the time of a picture in milliseconds."""

DONE, FAILED = 0, 1


@dataclass(frozen=True, slots=True)
class Work:
    """What one picture takes.

    Attributes:
        flops: Multiplications and additions.
        numbers: Weights, and features that convolutions read and write.
    """

    flops: int
    numbers: int


@dataclass(frozen=True, slots=True)
class Rates:
    """What a device reaches in one precision: operations and bytes a second."""

    flops: float
    bytes: float


@dataclass(frozen=True, slots=True)
class Row:
    """One way to paint.

    Attributes:
        generator: Which one.
        way: Runtime and precision.
        time_ms: Median from a code to a picture on the device; engines end in the processor's memory.
        roofline_ms: The least that it could take.
    """

    generator: str
    way: str
    time_ms: float
    roofline_ms: float


def count(module: nn.Module, w: Tensor) -> Work:
    """What one picture takes, counted while it is painted once."""
    numbers = sum(parameter.numel() for parameter in module.parameters())

    def add(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal numbers
        numbers += inputs[0].numel() + output.numel()

    hooks = [layer.register_forward_hook(add) for layer in module.modules() if hasattr(layer, "_convolve")]
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        module(w)
    for hook in hooks:
        hook.remove()
    return Work(counter.get_total_flops(), numbers)


def rates(device: torch.device, dtype: torch.dtype, side: int = SIDE, copied: int = COPIED) -> Rates:
    """What a device reaches."""
    a = torch.ones(side, side, device=device, dtype=dtype)
    product_ms = timed_ms(lambda: a @ a, device)
    source = torch.zeros(copied, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    copy_ms = timed_ms(lambda: target.copy_(source), device)
    return Rates(2.0 * side**3 / product_ms * 1e3, 2.0 * copied / copy_ms * 1e3)


def roofline_ms(work: Work, rate: Rates, dtype: torch.dtype) -> float:
    """The least time of one picture."""
    return 1e3 * max(work.flops / rate.flops, work.numbers * dtype.itemsize / rate.bytes)


def timed_ms(run: Callable[[], object], device: torch.device, seconds: float = SECONDS) -> float:
    """The median of as many runs as fit into the time, each waited for."""

    def wait() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    for _ in range(3):
        run()
    wait()
    times_ms: list[float] = []
    end_s = perf_counter() + seconds
    while not times_ms or perf_counter() < end_s:
        start_s = perf_counter()
        run()
        wait()
        times_ms.append((perf_counter() - start_s) * 1e3)
    return median(times_ms)


def torch_ways(
    generator: Generator, device: torch.device, *, compiled: bool = True
) -> Iterator[tuple[str, str, float]]:
    """Paint in torch in every way."""
    painter = Painter(generator).to(device).eval().requires_grad_(False)
    w = torch.zeros(1, generator.layout.num_ws, generator.layout.w_dim, device=device)
    for name, dtype in DTYPES.items():

        def run(dtype: torch.dtype = dtype) -> Tensor:
            with torch.inference_mode(), torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
                painted: Tensor = painter(w)
                return painted

        yield f"torch eager {name}", name, timed_ms(run, device)
        if device.type == "cuda":
            yield f"torch CUDA graph {name}", name, timed_ms(_recorded(run), device)
        if compiled:
            yield f"torch compiled {name}", name, timed_ms(torch.compile(run), device)


def _recorded(run: Callable[[], Tensor]) -> Callable[[], object]:
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    with torch.cuda.stream(stream):
        for _ in range(3):
            run()
    stream.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    return graph.replay


def engine_ways(generator: Generator, names: tuple[str, ...]) -> Iterator[Way]:
    """Paint with engines; one that does not work here is said and left out."""
    layout = generator.layout
    inputs = {"w": np.zeros((1, layout.num_ws, layout.w_dim), np.float32)}
    with tempfile.TemporaryDirectory(prefix="puppet-gpu-") as name:
        folder = Path(name)
        export_synthesis(generator.cpu(), folder)
        for engine_name in names:
            fault = engine_fault(engine_name)
            try:
                if fault is not None:
                    raise EngineError(fault)
                with closing(open_engine(folder / SYNTHESIS, engine_name, cache=folder)) as engine:
                    precision = engine.name.rsplit(" ", 1)[-1]
                    yield f"{engine_name} {precision}", precision, measure_ms({"it": engine}, inputs, SECONDS)["it"]
            except EngineError as error:
                print(f"{engine_name} is left out: {error}", file=sys.stderr)


def bench(generators: dict[str, GeneratorLayout], device: torch.device, engines: tuple[str, ...]) -> list[Row]:
    """Time every generator in every way; weights do not matter, and are random."""
    reached = {name: rates(device, dtype) for name, dtype in DTYPES.items()}
    rows = []
    for name, layout in generators.items():
        torch.manual_seed(0)
        generator = Generator(layout).eval()
        work = count(Painter(generator).eval(), torch.zeros(1, layout.num_ws, layout.w_dim))
        for ways in (torch_ways(generator, device), engine_ways(generator, engines)):
            for way, precision, time_ms in ways:
                rows.append(Row(name, way, time_ms, roofline_ms(work, reached[precision], DTYPES[precision])))
    return rows


def table(rows: list[Row]) -> Table:
    """What was measured, for people."""
    shown = Table("generator", "painted by", box=None, pad_edge=False)
    for title in ("a picture", "roofline", "of it"):
        shown.add_column(title, justify="right")
    for row in rows:
        share = f"{100 * row.roofline_ms / row.time_ms:.0f} %"
        shown.add_row(row.generator, row.way, f"{row.time_ms:.2f} ms", f"{row.roofline_ms:.2f} ms", share)
    return shown


def main(arguments: list[str] | None = None) -> int:
    """Command line; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, default=builtin_bundle_path(), help="default: the shipped one")
    parser.add_argument("--json", type=Path, help="file for the numbers")
    options = parser.parse_args(arguments)
    try:
        load_driver()
        if not torch.cuda.is_available():
            raise EngineError(
                f"torch {torch.__version__} has no CUDA here; pip install torch from the index of a CUDA build"
            )
        bundle = load_bundle(options.bundle)
    except (EngineError, PuppetError) as error:
        print(f"bench_gpu: {error}", file=sys.stderr)
        return FAILED
    generators = {
        f"{bundle.name} {bundle.resolution}²": bundle.layout,
        "the paper's 256²": stylegan2_layout(256, 1, bundle.pose_space.dim),
    }
    rows = bench(generators, torch.device("cuda"), GPU_LADDER)
    if options.json is not None:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        values = {"gpu": gpu_name(), "torch": torch.__version__, "rows": [asdict(row) for row in rows]}
        options.json.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    print(gpu_name())
    Console(highlight=False).print(table(rows))
    return DONE


if __name__ == "__main__":
    sys.exit(main())
