"""Discs instead of heads, and a generator small enough to learn them: what tests of trainers train on."""

import numpy as np
import torch

from export.head_factors import Z_DIM
from export.head_pool import HeadBatch
from export.render_heads import REGIONS
from puppet.networks.layout import GeneratorLayout
from puppet.pose_space import BUILTIN

LAYOUT = GeneratorLayout(
    resolution=32,
    channels=(16, 16, 16, 8),
    img_channels=4,
    z_dim=4,
    w_dim=16,
    mapping_layers=2,
    mapping_lr_multiplier=1.0,
    normalize_z=False,
    use_noise=False,
    pose_dim=BUILTIN.dim,
)


class DiscPool:
    """Discs: z colours them, yaw moves them, an eye sits in the middle."""

    def __init__(self) -> None:
        self.refreshed = 0

    def __len__(self) -> int:
        return 1000

    def refresh(self) -> None:
        self.refreshed += 1

    def sample(self, rng: np.random.Generator, identities: int, poses: int) -> HeadBatch:
        z = rng.normal(size=(identities, 4)).astype(np.float32)
        p = rng.uniform(BUILTIN.lower, BUILTIN.upper, (identities, poses, BUILTIN.dim)).astype(np.float32)
        y, x = np.mgrid[:32, :32] - 15.5
        distance = np.hypot(x - p[..., :1, None] / 8, y)
        regions = np.select([distance < 3, distance < 9], [REGIONS.index("eyes"), REGIONS.index("skin")], 0)
        colour = 128 + 100 * np.tanh(z[:, None, None, None, :3])
        inside = (distance < 9)[..., None]
        rgb = np.where(inside, np.where(distance[..., None] < 3, 250.0, colour), 127.5)
        rgba = np.concatenate([rgb, 255 * inside], -1).round().astype(np.uint8)
        return HeadBatch(rgba, regions.astype(np.uint8), z, p)

    def held_out(self) -> HeadBatch:
        return self.sample(np.random.default_rng(99), 8, 4)


class People(DiscPool):
    """Discs whose z is as long as that of heads."""

    def sample(self, rng: np.random.Generator, identities: int, poses: int) -> HeadBatch:
        batch = super().sample(rng, identities, poses)
        z = np.concatenate([batch.z, rng.normal(size=(identities, Z_DIM - 4))], 1).astype(np.float32)
        return HeadBatch(batch.rgba, batch.regions, z, batch.p)


def same_weights(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))
