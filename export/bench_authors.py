"""How fast a model of the paper's size is on this machine: checkpoints are made up, imported, enrolled and painted.

    python export/bench_authors.py [--rounds 20]

The weights are random and of the published shapes, so all times are those of the real ones: 28 billion multiplications
for a portrait of 256 px. Every engine paints the same codes in turn, so that whatever else the machine does meets all.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from statistics import median

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from engines import Precision, open_engine
from engines.base import Engine, TensorSpec
from engines.torch_engine import TorchEngine
from export.authors_keys import Shape, rosinality_shapes
from export.import_checkpoint import Files, import_checkpoints
from export.to_onnx import Painter
from puppet.bench import run_program
from puppet.bundle import Bundle
from puppet.gallery import USUAL
from puppet.networks.deca import FaceRegressor
from puppet.networks.e4e import E4E
from puppet.networks.layout import stylegan2_layout
from puppet.networks.stylegan2 import Generator
from puppet.report import hardware_line

ENGINES: Sequence[tuple[str, Precision]] = (("openvino", "bf16"), ("openvino", "f32"), ("onnxruntime", "f32"))
DIRECTIONS_SPREAD = 0.03


def make_up(folder: Path) -> Files:
    """Write checkpoints of full size with random weights."""
    torch.manual_seed(0)
    layout = stylegan2_layout(256, 1, 15)
    deca = folder / "deca.tar"
    files = Files(folder / "stylegan.pt", folder / "e4e.pt", folder / "A_matrix.pt", deca)
    torch.save({"g_ema": _generator(rosinality_shapes(layout))}, files.stylegan)
    torch.save({"e": _state(E4E(layout.num_ws))}, files.e4e)
    torch.save({"E_flame": _state(FaceRegressor())}, deca)
    linear = nn.Linear(15, 8 * layout.w_dim)
    nn.init.normal_(linear.weight, std=DIRECTIONS_SPREAD)
    matrix = {f"linear.{name}": tensor for name, tensor in _state(linear).items()}
    torch.save({"A_matrix": matrix, "num_layers_shift": 8, "shift_scale": 6.0}, files.directions)
    return files


def _state(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach() for name, tensor in network.state_dict().items()}


def _generator(shapes: Mapping[str, Shape]) -> dict[str, Tensor]:
    """Weights of unit size, styles around 1."""
    state = {name: torch.randn(shape) for name, shape in shapes.items()}
    for name, tensor in state.items():
        if name.endswith("bias"):
            tensor.mul_(0.1).add_(float(name.endswith("modulation.bias")))
        elif name.startswith("style."):
            tensor.mul_(100.0)
    return state


def open_all(bundle: Bundle, stack: ExitStack) -> list[Engine]:
    """The generator in every engine."""
    engines: list[Engine] = []
    for name, precision in ENGINES:
        engine = open_engine(bundle.synthesis_path, name, precision=precision)
        engines.append(stack.enter_context(closing(engine)))
    generator = Generator(bundle.layout)
    generator.load_state_dict({name: tensor.float() for name, tensor in load_file(bundle.generator_path).items()})
    w = TensorSpec("w", (1, bundle.num_ws, bundle.w_dim), "float32")
    rgba = TensorSpec("rgba", (1, bundle.resolution, bundle.resolution, bundle.channels), "uint8")
    engines.append(stack.enter_context(closing(TorchEngine(Painter(generator), [w], [rgba]))))
    return engines


def frame_ms(engines: Sequence[Engine], rounds: int) -> dict[str, float]:
    """Median milliseconds of a picture, by the engine's name; the first round does not count."""
    rng = np.random.default_rng(0)
    took: dict[str, list[float]] = {engine.name: [] for engine in engines}
    for _ in range(rounds + 1):
        w = rng.standard_normal(engines[0].inputs[0].shape).astype(np.float32)
        for engine in engines:
            began_s = time.perf_counter()
            engine.run({"w": w})
            took[engine.name].append(1000 * (time.perf_counter() - began_s))
    return {name: median(times[1:]) for name, times in took.items()}


def main(arguments: list[str] | None = None) -> None:
    """Measure from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20, metavar="N", help="pictures of each engine (default: 20)")
    options = parser.parse_args(arguments)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="puppet-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        files = make_up(folder)
        began_s = time.monotonic()
        bundle = import_checkpoints(files, folder / "bundle")
        imported_s = time.monotonic() - began_s
        enrolled_s = {look: _enrol_s(bundle.folder, folder / "data", look) for look in ("avatar", "photo")}
        print(f"\n{hardware_line()}; a model of the paper's size, with random weights")
        print(f"import    {imported_s:.0f} s")
        for look, seconds in enrolled_s.items():
            print(f"enrol     {seconds:.0f} s in the look {look}, from the program's start")
        for engine, milliseconds in frame_ms(open_all(bundle, stack), options.rounds).items():
            print(f"portrait  {milliseconds:.0f} ms in {engine}")


def _enrol_s(bundle: Path, data: Path, look: str) -> float:
    began_s = time.monotonic()
    run_program("enrol", str(USUAL), "--look", look, "--bundle", str(bundle), "--data-dir", str(data))
    return time.monotonic() - began_s


if __name__ == "__main__":
    main()
