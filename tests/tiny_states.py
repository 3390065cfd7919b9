"""State folders of tiny networks with made-up weights."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch
from linear_world import EDGE, LAYOUT

from export.head_factors import IDENTITY_MODES
from export.train_encoder import FACTORS
from export.training import save_weights, write_json
from puppet.networks.encoder import Encoder
from puppet.networks.identity import IdentityNetwork
from puppet.networks.shape_regressor import ShapeRegressor
from puppet.networks.stylegan2 import Generator
from puppet.pose_space import BUILTIN


def write_states(folder: Path, z_dim: int) -> None:
    """Write generator, net3d, encoder and identity into a folder."""
    torch.manual_seed(0)
    layout = dataclasses.replace(LAYOUT, z_dim=z_dim)
    save_weights(Generator(layout), folder / "generator" / "averaged.safetensors")
    write_json(folder / "generator" / "state.json", {"layout": layout.to_json(), "resolution": EDGE, "pictures": 7})
    networks = {
        "net3d": (ShapeRegressor(EDGE, IDENTITY_MODES, BUILTIN.dim), {"modes": IDENTITY_MODES}),
        "encoder": (Encoder(EDGE, FACTORS, BUILTIN.dim), {"factors": FACTORS}),
        "identity": (IdentityNetwork(EDGE), {}),
    }
    for name, (network, sizes) in networks.items():
        save_weights(network, folder / name / "averaged.safetensors")
        write_json(folder / name / "state.json", {"resolution": EDGE, "pictures": 7} | sizes)
