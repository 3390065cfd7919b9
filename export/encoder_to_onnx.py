"""Writes the bundle's encoder: the trained encoder and the generator's mapping as one ONNX graph.

    python export/encoder_to_onnx.py --encoder encoder --generator state --out encoder.onnx

Input `picture` [1, r, r, 3] uint8 RGB, output `c` [1, num_ws, w_dim] float32; weights are stored in float16. Beards are
believed a little less than they are seen: see `DOUBT`.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import torch

from export.generator_state import load_trained_generator
from export.head_factors import entry
from export.to_onnx import export_network
from export.train_encoder import load_encoder
from puppet.networks.encoder import CodeEncoder, Encoder

DOUBT: Mapping[str, float] = MappingProxyType({"beard": 0.4, "beard_length": 0.3})
"""What is taken off these entries of z: in photographs the encoder takes the shadow of a smile for a beard, and a face
that has none should get none, even if one that has a short one then loses it."""


def doubt(encoder: Encoder) -> None:
    """Subtract `DOUBT` from what an encoder says, in its last layer."""
    last = encoder.head[-1]
    assert isinstance(last, torch.nn.Linear)
    _change(last.bias, -1)


def believe(bias: torch.Tensor) -> None:
    """Take `doubt` back, in the bias of an encoder's last layer."""
    _change(bias, 1)


def _change(bias: torch.Tensor, sign: int) -> None:
    with torch.no_grad():
        for name, amount in DOUBT.items():
            bias[entry(name)] += sign * amount


def main(arguments: list[str] | None = None) -> None:
    """Export from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", type=Path, required=True, help="state folder of either stage of the encoder")
    parser.add_argument("--generator", type=Path, required=True, help="state folder of export/train_generator.py")
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    options = parser.parse_args(arguments)
    encoder = load_encoder(options.encoder)
    doubt(encoder)
    generator = load_trained_generator(options.generator, torch.device("cpu")).generator
    picture = torch.zeros(1, encoder.resolution, encoder.resolution, 3, dtype=torch.uint8)
    export_network(CodeEncoder(encoder, generator), {"picture": picture}, ["c"], options.out)
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
