"""Writes networks as ONNX graphs, runs what it wrote and compares the pictures with torch's.

    python export/to_onnx.py --state state --out folder

The weights of the generator are stored once: `generator.safetensors` holds them in float16, and the initializers of
`synthesis.onnx` are references into that file (ONNX external data: location, offset, length), each followed by a Cast
to float32. Gains, demodulation and everything else that depends on weights alone is left in the graph, for the runtimes
to fold when they load it; so another file of the same layout, such as a tuned generator, fits under the same graph.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
import torch
from jaxtyping import Float, UInt8
from onnx import ModelProto, TensorProto, helper, numpy_helper
from torch import Tensor, nn

from engines import EngineUnavailable, Precision, open_engine
from export.training import load_weights, save_weights
from puppet.bundle import GENERATOR, SYNTHESIS
from puppet.networks.firm import firm
from puppet.networks.layout import GeneratorLayout
from puppet.networks.stylegan2 import Generator

OPSET = 20
HALVED_FROM = 1024
"""Numbers from which a weight is stored in float16 inside a graph; smaller ones stay float32."""

TARGETS: tuple[tuple[str, Precision, float], ...] = (
    ("onnxruntime", "f32", 55.0),
    ("openvino", "f32", 55.0),
    ("openvino", "bf16", 40.0),
)
"""Engine, precision, and the least PSNR in dB of its pictures against torch's."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How close an engine's pictures are to torch's.

    Attributes:
        engine: The engine's own name.
        max_error: Largest difference of a byte.
        psnr_db: Peak signal-to-noise ratio; infinite when equal.
    """

    engine: str
    max_error: int
    psnr_db: float


class Painter(nn.Module):
    """The synthesis network up to the bytes that a picture is stored in.

    Args:
        generator: Its synthesis network is shared, not copied; weight names stay those of the generator.
    """

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.synthesis = generator.synthesis

    def forward(self, w: Float[Tensor, "1 num_ws w_dim"]) -> UInt8[Tensor, "1 r r channels"]:
        """RGBA over grey, or RGB where the generator paints no alpha; rows of pixels."""
        picture: Tensor = ((firm(self.synthesis(w)) + 1.0) * 127.5).round().clamp(0.0, 255.0)
        return picture.to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def load_generator(state: Path, sharpness: float | None = None) -> Generator:
    """Read the averaged generator from a trainer's state folder.

    Args:
        state: The folder.
        sharpness: That of the layout it is shipped with; None: the state's own.

    Raises:
        ValueError: The folder holds no finished state, training has not reached the full resolution, or the sharpness
            is out of its range.
    """
    try:
        values = json.loads((state / "state.json").read_text(encoding="utf-8"))
        layout = GeneratorLayout.from_json(values["layout"])
        trained = values["resolution"]
    except (OSError, KeyError) as error:
        raise ValueError(f"{state} should hold a trainer's state: {error}") from error
    if trained != layout.resolution:
        raise ValueError(f"{state} was trained up to {trained} px; train it at {layout.resolution} px first")
    generator = Generator(layout if sharpness is None else replace(layout, sharpness=sharpness))
    load_weights(generator, state / "averaged.safetensors")
    return generator.eval()


def trace(
    module: nn.Module, examples: Mapping[str, Tensor], outputs: Sequence[str], *, optimize: bool = True
) -> ModelProto:
    """A module as an ONNX graph with fixed shapes, without traces of where it was made.

    Args:
        module: Takes the examples in their order; set to evaluation mode here.
        examples: Input names, and a tensor of the right shape and dtype for each.
        outputs: Output names.
        optimize: Fold constants; small weights then disappear into others.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's exporter calls deprecated parts of itself
        program = torch.onnx.export(
            module.eval(),
            tuple(examples.values()),
            dynamo=True,
            input_names=list(examples),
            output_names=list(outputs),
            opset_version=OPSET,
            optimize=optimize,
            verbose=False,
        )
    assert program is not None
    proto: ModelProto = program.model_proto
    del proto.metadata_props[:], proto.graph.metadata_props[:], proto.graph.value_info[:]
    for part in (*proto.graph.node, *proto.graph.initializer, *proto.graph.input, *proto.graph.output):
        del part.metadata_props[:]
        part.doc_string = ""
    return proto


def refer_to_weights(proto: ModelProto, weights: Path) -> None:
    """Replace the initializers that `weights` holds in float16, by name, by references into that file."""
    with weights.open("rb") as file:
        header_bytes = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(header_bytes))
    halves = []
    for initializer in proto.graph.initializer:
        entry = header.get(initializer.name)
        if entry is None:
            continue
        if entry["dtype"] != "F16" or entry["shape"] != list(initializer.dims):
            raise ValueError(f"{weights}: {initializer.name} should be F16 {list(initializer.dims)}, not {entry}")
        begin, end = entry["data_offsets"]
        place = {"location": weights.name, "offset": 8 + header_bytes + begin, "length": end - begin}
        half = TensorProto(dims=initializer.dims, data_type=TensorProto.FLOAT16, data_location=TensorProto.EXTERNAL)
        for key, value in place.items():
            half.external_data.add(key=key, value=str(value))
        halves.append((initializer.name, half))
    _replace(proto, halves)


def halve_weights(proto: ModelProto) -> None:
    """Store the large float32 weights of a graph in float16."""
    halves = [
        (initializer.name, numpy_helper.from_array(numpy_helper.to_array(initializer).astype(np.float16)))
        for initializer in proto.graph.initializer
        if initializer.data_type == TensorProto.FLOAT and np.prod(initializer.dims) >= HALVED_FROM
    ]
    _replace(proto, halves)


def _replace(proto: ModelProto, halves: Sequence[tuple[str, TensorProto]]) -> None:
    """Swap initializers for their float16 forms; Cast gives each its old name and dtype back."""
    names = {name for name, _ in halves}
    kept = [initializer for initializer in proto.graph.initializer if initializer.name not in names]
    casts = []
    for name, half in halves:
        half.name = f"{name}.f16"
        casts.append(helper.make_node("Cast", [half.name], [name], name=f"cast {name}", to=TensorProto.FLOAT))
    nodes = list(proto.graph.node)
    del proto.graph.initializer[:], proto.graph.node[:]
    proto.graph.initializer.extend([*kept, *(half for _, half in halves)])
    proto.graph.node.extend([*casts, *nodes])


def save_graph(proto: ModelProto, path: Path) -> None:
    """Write a graph and let ONNX's own checker read it."""
    path.write_bytes(proto.SerializeToString(deterministic=True))
    onnx.checker.check_model(str(path), full_check=True)


def export_network(module: nn.Module, examples: Mapping[str, Tensor], outputs: Sequence[str], path: Path) -> None:
    """Write a network, such as the encoder, as one self-contained file with float16 weights; see `trace`."""
    proto = trace(module, examples, outputs)
    halve_weights(proto)
    save_graph(proto, path)


def export_synthesis(generator: Generator, folder: Path) -> None:
    """Write `generator.safetensors` and `synthesis.onnx`, which refers to it."""
    save_weights(generator, folder / GENERATOR)
    layout = generator.layout
    example = {"w": torch.zeros(1, layout.num_ws, layout.w_dim)}
    proto = trace(Painter(generator), example, ["rgba"], optimize=False)
    refer_to_weights(proto, folder / GENERATOR)
    save_graph(proto, folder / SYNTHESIS)


def compare_synthesis(generator: Generator, folder: Path, pictures: int = 4) -> list[Agreement]:
    """Paint with every engine of this machine and with torch.

    Raises:
        ValueError: An engine's pictures differ from torch's by more than TARGETS allows.
    """
    layout = generator.layout
    draw = torch.Generator().manual_seed(0)
    z = torch.randn(pictures, layout.z_dim, generator=draw)
    p_scaled = torch.randn(pictures, layout.pose_dim, generator=draw)
    with torch.no_grad():
        ws = generator.codes(z, p_scaled)
        truth = torch.cat([Painter(generator).eval()(w[None]) for w in ws]).numpy()
    agreements = []
    for name, precision, least_db in TARGETS:
        try:
            engine = open_engine(folder / SYNTHESIS, name, precision=precision)
        except EngineUnavailable as error:
            print(f"{name} {precision} is not compared: {error}")
            continue
        painted = np.concatenate([engine.run({"w": w[None].numpy()})["rgba"].copy() for w in ws])
        agreements.append(_agreement(engine.name, painted, truth))
        engine.close()
        if agreements[-1].psnr_db < least_db:
            raise ValueError(f"{agreements[-1]} should reach {least_db} dB; the exported graph is wrong")
    return agreements


def _agreement(engine: str, painted: UInt8[np.ndarray, "..."], truth: UInt8[np.ndarray, "..."]) -> Agreement:
    difference = painted.astype(np.float64) - truth
    error = float(np.mean(difference**2))
    return Agreement(engine, int(np.abs(difference).max()), float(10 * np.log10(255**2 / error)) if error else np.inf)


def main(arguments: list[str] | None = None) -> None:
    """Export from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--state", type=Path, required=True, help="state folder of export/train_generator.py")
    parser.add_argument("--out", type=Path, required=True, help="folder for generator.safetensors and synthesis.onnx")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    generator = load_generator(options.state)
    export_synthesis(generator, options.out)
    for agreement in compare_synthesis(generator, options.out):
        print(f"{agreement.engine}: max error {agreement.max_error}, PSNR {agreement.psnr_db:.1f} dB")


if __name__ == "__main__":
    main()
