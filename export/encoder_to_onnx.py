"""Writes the bundle's encoder: the trained encoder and the generator's mapping as one ONNX graph.

    python export/encoder_to_onnx.py --encoder encoder --generator state --out encoder.onnx

Input `picture` [1, r, r, 3] uint8 RGB, output `c` [1, num_ws, w_dim] float32; weights are stored in float16.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from export.generator_state import load_trained_generator
from export.to_onnx import export_network
from export.train_encoder import load_encoder
from puppet.networks.encoder import CodeEncoder


def main(arguments: list[str] | None = None) -> None:
    """Export from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", type=Path, required=True, help="state folder of either stage of the encoder")
    parser.add_argument("--generator", type=Path, required=True, help="state folder of export/train_generator.py")
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    options = parser.parse_args(arguments)
    encoder = load_encoder(options.encoder)
    generator = load_trained_generator(options.generator, torch.device("cpu")).generator
    picture = torch.zeros(1, encoder.resolution, encoder.resolution, 3, dtype=torch.uint8)
    export_network(CodeEncoder(encoder, generator), {"picture": picture}, ["c"], options.out)
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
