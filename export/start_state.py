"""Makes training states from a bundle, so that training goes on where the shipped model stands.

    python export/start_state.py --bundle puppet/bundles/builtin --out state/generator --encoder state/encoder

The bundle holds the averaged weights only: they become both the network and its average, and the optimisers start anew.
"""

from __future__ import annotations

import argparse
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from export.train_encoder import FACTORS, encoder_description
from export.training import save_weights, write_atomic, write_json
from puppet.bundle import builtin_bundle_path, load_bundle
from puppet.networks.encoder import Encoder
from puppet.networks.layout import GeneratorLayout
from puppet.networks.offset_encoder import OffsetEncoder

GRAPH_PREFIX = "encoder."
ONLY_IN_TRAINING = "log_variance"
"""The one weight that the graph does not need; it is learned anew."""

ONLY_WITH_OFFSETS = "opened"
"""What the second stage's graph has and the first one's has not."""

_LAST_LAYER = ("head.2.weight", "head.2.bias")

PICTURES = 200_000
"""Counted as seen, so that the average stays slow from the start."""


def start_state(bundle_folder: Path, out: Path) -> None:
    """Write the state folder `out`.

    Raises:
        BundleError: The bundle is damaged.
        FileExistsError: There is a state already.
    """
    bundle = load_bundle(bundle_folder)
    if (out / "state.json").exists():
        raise FileExistsError(f"{out} holds a state already; choose another --out folder")

    def copy(partial: Path) -> None:
        shutil.copyfile(bundle.generator_path, partial)

    for name in ("generator", "averaged"):
        write_atomic(out / f"{name}.safetensors", copy)
    state = {"layout": _trained(bundle.layout).to_json(), "pictures": PICTURES, "resolution": bundle.resolution}
    write_json(out / "state.json", state)


def start_encoder(bundle_folder: Path, out: Path) -> None:
    """Write the encoder's state folder `out`, from the weights in the bundle's graph: that of the stage it is from.

    Raises:
        BundleError: The bundle is damaged.
        FileExistsError: There is a state already.
        ValueError: Its graph was not made by export/encoder_to_onnx.py.
    """
    bundle = load_bundle(bundle_folder)
    if (out / "state.json").exists():
        raise FileExistsError(f"{out} holds a state already; choose another --encoder folder")
    graph = onnx.load(str(bundle.encoder_path)).graph
    stored = {
        initializer.name.removesuffix(".f16"): torch.from_numpy(numpy_helper.to_array(initializer).astype(np.float32))
        for initializer in graph.initializer
    }
    edge = graph.input[0].type.tensor_type.shape.dim[1].dim_value
    sizes, description = (edge, FACTORS, bundle.pose_space.dim), encoder_description(edge)
    encoder = Encoder(*sizes)
    if f"{GRAPH_PREFIX}{ONLY_WITH_OFFSETS}" in stored:
        encoder = OffsetEncoder(*sizes, bundle.num_ws, bundle.w_dim)
        description = encoder_description(edge, _trained(bundle.layout))
    weights = {
        name: stored[f"{GRAPH_PREFIX}{name}"] for name in encoder.state_dict() if f"{GRAPH_PREFIX}{name}" in stored
    }
    try:
        missing = encoder.load_state_dict(_with_new_factors(weights, bundle.pose_space.dim), strict=False).missing_keys
    except RuntimeError as error:
        raise ValueError(f"{bundle.encoder_path} holds an encoder of another layout ({error})") from error
    if missing != [ONLY_IN_TRAINING]:
        raise ValueError(f"{bundle.encoder_path} lacks the weights {', '.join(missing)}")
    for name in ("regressor", "averaged"):
        save_weights(encoder, out / f"{name}.safetensors")
    write_json(out / "state.json", description | {"pictures": PICTURES})


def _trained(layout: GeneratorLayout) -> GeneratorLayout:
    """The layout that a shipped generator was trained in: without sharpening."""
    return replace(layout, sharpness=0.0)


def _with_new_factors(weights: dict[str, torch.Tensor], pose_dim: int) -> dict[str, torch.Tensor]:
    """An encoder from before the last factors had a meaning predicts 0 for them, as its graph assumed."""
    widened = dict(weights)
    for name in _LAST_LAYER:
        if name in weights and (missing := FACTORS + pose_dim - len(weights[name])) > 0:
            last = weights[name]
            nothing = torch.zeros(missing, *last.shape[1:])
            widened[name] = torch.cat([last[:-pose_dim], nothing, last[-pose_dim:]])
    return widened


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, default=builtin_bundle_path(), help="default: the shipped one")
    parser.add_argument("--out", type=Path, required=True, help="state folder for export/train_generator.py")
    parser.add_argument("--encoder", type=Path, help="state folder for the encoder's trainer")
    options = parser.parse_args()
    start_state(options.bundle, options.out)
    print(f"{options.out}: ready for export/train_generator.py")
    if options.encoder is not None:
        start_encoder(options.bundle, options.encoder)
        print(f"{options.encoder}: ready to be trained on")


if __name__ == "__main__":
    main()
