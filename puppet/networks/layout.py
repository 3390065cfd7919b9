"""The shape of a StyleGAN2 generator, as a bundle stores it. No torch: a bundle can be read without it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

SMALLEST = 4
"""Edge in pixels of the learned constant that every picture grows from."""

MOST_SHARPNESS = 4.0
"""Beyond it, an edge would be little but its halo."""


@dataclass(frozen=True, slots=True)
class GeneratorLayout:
    """Sizes and switches of one generator: everything that differs between models, as data.

    Attributes:
        resolution: Edge of the picture in pixels; a power of two, at least 8.
        channels: Feature channels at 4, 8, 16 … `resolution`.
        img_channels: 3 (RGB) or 4 (RGB over grey, and alpha).
        z_dim: Length of z.
        w_dim: Length of one row of a W+ code.
        mapping_layers: Fully connected layers from z to w.
        mapping_lr_multiplier: Scale of the mapping's weights and biases at run time (equalised learning rate).
        normalize_z: Whether z is scaled to unit mean square first; False where every entry of z has a meaning.
        use_noise: Whether every convolution adds its stored noise map.
        pose_dim: k, the length of the pose vector.
        pose_rows: Rows of the code, from 0, that the pose moves.
        sharpness: How far the finished picture is moved away from its own blur; 0 leaves it as it is.
    """

    resolution: int
    channels: tuple[int, ...]
    img_channels: int
    z_dim: int
    w_dim: int
    mapping_layers: int
    mapping_lr_multiplier: float
    normalize_z: bool
    use_noise: bool
    pose_dim: int
    pose_rows: int = 8
    sharpness: float = 0.0

    def __post_init__(self) -> None:
        self._check_numbers()
        levels = self.resolution.bit_length() - 2
        if self.resolution < 2 * SMALLEST or self.resolution & (self.resolution - 1):
            raise ValueError(f"resolution must be a power of two of at least 8, not {self.resolution}")
        if len(self.channels) != levels:
            raise ValueError(
                f"resolution {self.resolution} needs {levels} channel counts (4 to {self.resolution}), "
                f"not {len(self.channels)}"
            )
        if self.img_channels not in (3, 4):
            raise ValueError(f"img_channels must be 3 (RGB) or 4 (RGBA), not {self.img_channels}")
        if self.pose_rows > self.num_ws:
            raise ValueError(f"pose_rows must be at most num_ws = {self.num_ws}, not {self.pose_rows}")

    def _check_numbers(self) -> None:
        counts = {
            name: getattr(self, name)
            for name in ("resolution", "z_dim", "w_dim", "mapping_layers", "pose_dim", "pose_rows", "img_channels")
        }
        counts |= {f"channels[{i}]": count for i, count in enumerate(self.channels)}
        for name, count in counts.items():
            if isinstance(count, bool) or not isinstance(count, int) or count < 1:
                raise ValueError(f"{name} must be a positive integer, not {count!r}")
        if not self.mapping_lr_multiplier > 0:
            raise ValueError(f"mapping_lr_multiplier must be positive, not {self.mapping_lr_multiplier!r}")
        if not 0 <= self.sharpness <= MOST_SHARPNESS:
            raise ValueError(f"sharpness must be from 0 to {MOST_SHARPNESS:g}, not {self.sharpness!r}")

    @property
    def num_ws(self) -> int:
        """Rows of a W+ code: 2·log2(resolution) − 2."""
        return 2 * (self.resolution.bit_length() - 1) - 2

    @property
    def resolutions(self) -> tuple[int, ...]:
        """4, 8, … `resolution`: one for each entry of `channels`."""
        return tuple(SMALLEST << level for level in range(len(self.channels)))

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values; `from_json` reads it back."""
        return asdict(self) | {"channels": list(self.channels)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> GeneratorLayout:
        """Read what `to_json` wrote.

        Raises:
            ValueError: A key is missing, unknown, or its value does not fit the others.
        """
        values = {"sharpness": 0.0} | dict(values)  # bundles before 0.9 do not name it
        known = {field.name for field in fields(cls)}
        missing, unknown = known - set(values), set(values) - known
        if missing or unknown:
            expected = f"a generator layout has the keys {sorted(known)}"
            raise ValueError(f"{expected}; missing: {sorted(missing)}, unknown: {sorted(unknown)}")
        channels = values["channels"]
        if not isinstance(channels, (list, tuple)):
            raise ValueError(f"channels must be a list of integers, not {channels!r}")
        return cls(**{**values, "channels": tuple(channels)})


def builtin_layout(z_dim: int, pose_dim: int) -> GeneratorLayout:
    """The built-in generator: RGBA at 256², three mapping layers, no noise (about 6 M parameters)."""
    return GeneratorLayout(
        resolution=256,
        channels=(256, 256, 256, 128, 64, 32, 16),
        img_channels=4,
        z_dim=z_dim,
        w_dim=512,
        mapping_layers=3,
        mapping_lr_multiplier=1.0,
        normalize_z=False,
        use_noise=False,
        pose_dim=pose_dim,
    )


def stylegan2_layout(resolution: int, channel_multiplier: int, pose_dim: int) -> GeneratorLayout:
    """A generator as the authors of StyleGAN2 size it: RGB, eight mapping layers on the unit sphere, stored noise.

    Args:
        resolution: Edge of the picture in pixels: 256 for the VoxCeleb model, 256 or 1024 for those of FFHQ.
        channel_multiplier: 1 for the VoxCeleb model, 2 for those of FFHQ; scales the channels from 64 px on.
        pose_dim: k, the length of the pose vector.
    """
    resolutions = [SMALLEST << level for level in range(resolution.bit_length() - 2)]
    return GeneratorLayout(
        resolution=resolution,
        channels=tuple(512 if r < 64 else channel_multiplier * 64 * 256 // r for r in resolutions),
        img_channels=3,
        z_dim=512,
        w_dim=512,
        mapping_layers=8,
        mapping_lr_multiplier=0.01,
        normalize_z=True,
        use_noise=True,
        pose_dim=pose_dim,
    )
