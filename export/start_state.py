"""Makes training states from a bundle, so that training goes on where the shipped model stands.

    python export/start_state.py --bundle puppet/bundles/builtin --out state/generator --encoder state/encoder \
        --identity state/identity

The bundle holds the averaged weights only: they become both the network and its average, and the optimisers start anew.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn

from export.encoder_to_onnx import believe
from export.train_encoder import FACTORS, encoder_description
from export.train_identity import SCORES, identity_task
from export.training import check_new, save_weights, write_atomic, write_json
from puppet.bundle import IDENTITY, builtin_bundle_path, load_bundle
from puppet.networks.encoder import Encoder
from puppet.networks.identity import IdentityNetwork
from puppet.networks.layout import GeneratorLayout
from puppet.networks.offset_encoder import OffsetEncoder

ONLY_IN_TRAINING = "log_variance"
"""The one weight that graphs do not need; the encoder learns it anew."""

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
    check_new(out, "--out")

    def copy(partial: Path) -> None:
        shutil.copyfile(bundle.generator_path, partial)

    for name in ("generator", "averaged"):
        write_atomic(out / f"{name}.safetensors", copy)
    state = {"layout": _trained(bundle.layout).to_json(), "pictures": PICTURES, "resolution": bundle.resolution}
    write_json(out / "state.json", state)


def start_encoder(bundle_folder: Path, out: Path) -> None:
    """Write the encoder's state folder `out`, from the weights in the bundle's graph: that of the stage it is from.

    What `export/encoder_to_onnx.py` made it doubt it believes again, to be doubted once when it is exported.

    Raises:
        BundleError: The bundle is damaged.
        FileExistsError: There is a state already.
        ValueError: Its graph was not made by export/encoder_to_onnx.py.
    """
    bundle = load_bundle(bundle_folder)
    check_new(out, "--encoder")
    edge, stored = _stored(bundle.encoder_path, "encoder.")
    if (bias := _LAST_LAYER[1]) in stored:
        believe(stored[bias])
    sizes, description = (edge, FACTORS, bundle.pose_space.dim), encoder_description(edge)
    encoder = Encoder(*sizes)
    if ONLY_WITH_OFFSETS in stored:
        encoder = OffsetEncoder(*sizes, bundle.num_ws, bundle.w_dim)
        description = encoder_description(edge, _trained(bundle.layout))
    _write(encoder, _with_new_factors(stored, bundle.pose_space.dim), bundle.encoder_path, out, description)


def start_identity(bundle_folder: Path, out: Path) -> None:
    """Write the identity network's state folder `out`, from the bundle's graph, with the graph and its scores.

    Raises:
        BundleError: The bundle is damaged.
        FileExistsError: There is a state already.
        ValueError: It has no identity network, or one that was not made by export/train_identity.py.
    """
    bundle = load_bundle(bundle_folder)
    check_new(out, "--identity")
    if bundle.identity_path is None or bundle.identity is None:
        raise ValueError(f"{bundle_folder} has no identity network; leave --identity away")
    edge, stored = _stored(bundle.identity_path, "network.")
    _write(IdentityNetwork(edge), stored, bundle.identity_path, out, dict(identity_task(edge).description))
    shutil.copyfile(bundle.identity_path, out / IDENTITY)
    write_json(out / SCORES, asdict(bundle.identity))


def _stored(graph_path: Path, prefix: str) -> tuple[int, dict[str, torch.Tensor]]:
    """The edge of the pictures that a graph takes, and the weights in it whose names begin so, without that."""
    graph = onnx.load(str(graph_path)).graph
    weights = {
        initializer.name.removeprefix(prefix).removesuffix(".f16"): torch.from_numpy(
            numpy_helper.to_array(initializer).astype(np.float32)
        )
        for initializer in graph.initializer
        if initializer.name.startswith(prefix)
    }
    return graph.input[0].type.tensor_type.shape.dim[1].dim_value, weights


def _write(
    network: nn.Module, weights: Mapping[str, torch.Tensor], source: Path, out: Path, description: Mapping[str, Any]
) -> None:
    """Write a regressor's state folder.

    Raises:
        ValueError: The weights are another network's.
    """
    try:
        missing, unexpected = network.load_state_dict(weights, strict=False)
    except RuntimeError as error:
        raise ValueError(f"{source} holds a network of another layout ({error})") from error
    if missing != [ONLY_IN_TRAINING] or unexpected:
        raise ValueError(f"{source} holds a network of another layout ({', '.join([*missing, *unexpected])})")
    for name in ("regressor", "averaged"):
        save_weights(network, out / f"{name}.safetensors")
    write_json(out / "state.json", {**description, "pictures": PICTURES})


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
    parser.add_argument("--identity", type=Path, help="state folder for export/train_identity.py")
    options = parser.parse_args()
    start_state(options.bundle, options.out)
    print(f"{options.out}: ready for export/train_generator.py")
    if options.encoder is not None:
        start_encoder(options.bundle, options.encoder)
        print(f"{options.encoder}: ready to be trained on")
    if options.identity is not None:
        start_identity(options.bundle, options.identity)
        print(f"{options.identity}: ready for export/train_identity.py, and for a loss")


if __name__ == "__main__":
    main()
