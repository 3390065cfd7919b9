"""The parts of the sentence as values: what a pipeline is wired from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import UInt8

from puppet.compositor import Compositor
from puppet.directions import Directions
from puppet.pose_source import PoseSource
from puppet.settings import CompositorSettings, Marking
from puppet.sinks import Sink
from puppet.synthesis import Synthesis


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What is painted, and over what: the part of the sentence that can change between two pictures.

    Attributes:
        slate: What is shown instead while the run is paused; of the pictures' size and channels, RGB or RGBA over grey.
    """

    directions: Directions
    synthesis: Synthesis
    compositor: Compositor
    slate: UInt8[np.ndarray, "height width channels"]


@dataclass(frozen=True, slots=True)
class Stages:
    """The parts of the sentence, ready to run; their owner closes them after `wait`.

    Attributes:
        source: Where pose vectors come from.
        code_shape: num_ws and w_dim.
        size_wh: Width and height of the pictures in pixels.
        sinks: Opened for pictures of this size; the run ends when one of them fails.
        mark: When the visible mark is in them, at first.
    """

    source: PoseSource
    scene: Scene
    sinks: Sequence[Sink]
    code_shape: tuple[int, int]
    size_wh: tuple[int, int]
    mark: Marking = field(default_factory=lambda: CompositorSettings().mark)
