"""The parts of the sentence as values: what a pipeline is wired from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from puppet.camera import Camera
from puppet.compositor import Compositor
from puppet.directions import Directions
from puppet.pose import Driver
from puppet.sinks import Sink
from puppet.synthesis import Synthesis
from puppet.tracker import Tracker


@dataclass(frozen=True, slots=True)
class Scene:
    """What is painted, and over what: the part of the sentence that can change between two pictures."""

    directions: Directions
    synthesis: Synthesis
    compositor: Compositor


@dataclass(frozen=True, slots=True)
class Stages:
    """The parts of the sentence, ready to run; their owner closes them after `wait`.

    Attributes:
        code_shape: num_ws and w_dim.
        size_wh: Width and height of the pictures in pixels.
        sinks: Opened for pictures of this size; the run ends when one of them fails.
    """

    camera: Camera
    tracker: Tracker
    pose: Driver
    scene: Scene
    sinks: Sequence[Sink]
    code_shape: tuple[int, int]
    size_wh: tuple[int, int]
