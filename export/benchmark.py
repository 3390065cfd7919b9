"""The fixed benchmark of the tables: 200 people that no training has seen, who is moved where, and the rendered truth.

    self     person i in pose 0  →  person i in pose 1
    cross    person i in pose 0  →  the pose 2 of person i + 1;   truth: person i rendered in that pose

People and poses are those of a pool's held-out shard, and so depend on its seed alone. Truths of cross-reenactment
are rendered here: light, lens and clothes are those of person i, so that every pixel can be compared.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8

from export.head_pool import HeadPool
from export.render_heads import HeadRenderer

IDENTITIES = 200
SOURCE, TARGET, DRIVER = 0, 1, 2
"""Which of a person's poses is which."""

SAME_RENDERER = 1.0
"""Mean difference in levels, up to which a picture of the pool is what the renderer paints."""


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """Pictures that are to be reenacted, and what should come out; colours over mid grey and coverage.

    Attributes:
        source: Who.
        driver: In whose pose.
        truth: What should come out; in self-reenactment the driver itself.
    """

    source: UInt8[np.ndarray, "n r r 4"]
    driver: UInt8[np.ndarray, "n r r 4"]
    truth: UInt8[np.ndarray, "n r r 4"]


@dataclass(frozen=True, slots=True, eq=False)
class Benchmark:
    """The fixed set.

    Attributes:
        self_task: One person in two poses.
        cross_task: Two persons.
        z: Latent code of each person.
        p: Their poses, own units.
    """

    self_task: Task
    cross_task: Task
    z: Float32[np.ndarray, "n z_dim"]
    p: Float32[np.ndarray, "n poses pose_dim"]


def make_benchmark(pool: HeadPool, renderer: HeadRenderer, identities: int = IDENTITIES) -> Benchmark:
    """Read and render the set.

    Args:
        pool: Its held-out shard.
        renderer: That of the pool.
        identities: People, the first of the shard; fewer are for trying.

    Raises:
        ValueError: The pool has fewer people or another resolution, or was rendered by another renderer.
    """
    held_out = pool.held_out()
    people, poses, resolution = held_out.rgba.shape[:3]
    if people < identities or poses <= DRIVER or resolution != renderer.resolution:
        raise ValueError(
            f"expected {identities} held-out people in {DRIVER + 1} poses at {renderer.resolution} px; the pool has "
            f"{people} in {poses} at {resolution}: render another with export/dataset.py"
        )
    z, p, rgba = (np.array(values[:identities]) for values in (held_out.z, held_out.p, held_out.rgba))
    again = renderer.paint(renderer.person(z[0]), p[0, SOURCE]).rgba
    if np.abs(again.astype(np.int16) - rgba[0, SOURCE]).mean() > SAME_RENDERER:
        raise ValueError(
            "the pool was rendered by another renderer than this one; render it anew with export/dataset.py"
        )
    others = np.roll(np.arange(identities), -1)
    truth = np.stack([renderer.paint(renderer.person(z[i]), p[j, DRIVER]).rgba for i, j in enumerate(others)])
    source = rgba[:, SOURCE]
    return Benchmark(
        Task(source, rgba[:, TARGET], rgba[:, TARGET]),
        Task(source, rgba[others, DRIVER], truth),
        z,
        p,
    )
