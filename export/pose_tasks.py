"""What the pose regressor learns from: rendered heads in their own frame, in four views; a task for each reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int64
from torch import Tensor

from export.face_parts import MIRROR, Part, mirror_order
from export.facemesh_samples import FaceMeshSamples
from export.pose_graph import RIGID, HeadFrame
from puppet.pose_space import BUILTIN

FOLLOWED = 2
"""The view that a driver's face is seen in: followed, not mirrored."""
_FRONTAL_DEG = 8.0
_UNIT = {"yaw": 15.0, "pitch": 10.0, "roll": 10.0, "jaw_open": 0.15}
_EXPRESSION_UNIT, _SQUARE_UNIT = 0.3, 0.2
_NOISE, _HEAD_NOISE = 0.012, 0.03
"""A real face differs from a rendered one by more than chance; most of all its brows and temples, when it speaks, and
what is read there must not turn the head."""

_ASKEW = 6.0


@dataclass(frozen=True, eq=False)
class Views:
    """Every picture in four views: as a still, its mirror image, as a followed face, its mirror image.

    Attributes:
        face: Landmarks in the face's own frame.
        angles_deg: Yaw, pitch, roll of the rigid landmarks.
        p: Labels.
        square: Alignment square: centre from the rigid landmarks' centre and side, in sizes of the face.
    """

    face: Float[Tensor, "views n 478 3"]
    angles_deg: Float[Tensor, "views n 3"]
    p: Float[Tensor, "views n k"]
    square: Float[Tensor, "views n 3"]


@dataclass(frozen=True, eq=False)
class Task:
    """What one reader learns.

    Attributes:
        points: The landmarks it sees.
        wanted: Its outputs.
        unit: The unit of each output in the loss.
        weight: How much each wanted number counts.
        noise: Added to landmarks while it learns, in sizes of the face; weaker features are not amplified.
    """

    points: Sequence[int]
    wanted: Float[Tensor, "views n outputs"]
    unit: Sequence[float]
    weight: Float[Tensor, "views n outputs"]
    noise: float


def fit_template(samples: FaceMeshSamples) -> Float32[np.ndarray, "478 3"]:
    """The mean face, symmetric, in its own frame: from the heads that look at the camera."""
    frontal = np.abs(samples.p[:, :3]).max(1) < _FRONTAL_DEG
    landmarks = samples.landmarks[frontal, 0]
    rigid = landmarks[:, list(RIGID)]
    centre = rigid.mean(1, keepdims=True)
    size = np.sqrt(((rigid - centre) ** 2).sum(2).mean(1))[:, None, None]
    template = ((landmarks - centre) / size).mean(0)
    for _ in range(2):
        face = HeadFrame(template)(torch.from_numpy(landmarks))[0].mean(0).numpy()
        template = (face + face[mirror_order(face)] * MIRROR) / 2
    even: Float32[np.ndarray, "478 3"] = template.astype(np.float32)
    return even


def all_views(frame: HeadFrame, samples: FaceMeshSamples, order: Int64[np.ndarray, "478"]) -> Views:
    """Look at every picture four times; mirrored ones carry mirrored labels."""
    parts = []
    for reading in range(samples.landmarks.shape[1]):
        straight = samples.landmarks[:, reading]
        mirrored = straight[:, order] * MIRROR
        for landmarks, p, sign in ((straight, samples.p, 1.0), (mirrored, BUILTIN.mirror(samples.p), -1.0)):
            face, angles, centre, size = frame(torch.from_numpy(np.ascontiguousarray(landmarks)))
            crop = torch.from_numpy(samples.crop * np.array([sign, 1, 1], np.float32))
            square = torch.cat([crop[:, :2] - centre[:, :2], crop[:, 2:]], 1) / size
            parts.append((face, angles, torch.from_numpy(p), square))
    return Views(*(torch.stack(tensors) for tensors in zip(*parts, strict=True)))


def askew(views: Views) -> Bool[np.ndarray, "n"]:
    """Pictures in which FaceMesh's face does not lie on the head: a followed face turned or placed unlike the label.

    They are those whose difference, in any angle or in the alignment square, is further from the median than
    `_ASKEW` times what a standard deviation would be (1.4826 times the median deviation).
    """
    turned = views.angles_deg[FOLLOWED] - views.p[FOLLOWED][:, :3]
    off = torch.cat([turned, views.square[FOLLOWED]], 1).numpy()
    off = np.abs(off - np.median(off, 0))
    far: Bool[np.ndarray, "n"] = (off > _ASKEW * 1.4826 * np.median(off, 0)).any(1)
    return far


def tasks(views: Views, parts: Mapping[str, Part]) -> dict[str, Task]:
    """One task for each part of the face, and `square`, which sees what the head's angles are read from."""
    blink = views.p[..., [BUILTIN.index("blink_left"), BUILTIN.index("blink_right")]].amax(-1)
    out = {}
    for name, part in parts.items():
        wanted = views.p[..., [BUILTIN.index(entry) for entry in part.entries]]
        weight = torch.ones_like(wanted)
        for i, entry in enumerate(part.entries):
            if entry.startswith("gaze"):
                # Closed lids hide it.
                weight[..., i] = (1 - blink).clamp(0, 1) ** 2
        unit = [_UNIT.get(entry, _EXPRESSION_UNIT) for entry in part.entries]
        out[name] = Task(part.points, wanted, unit, weight, _HEAD_NOISE if name == "head" else _NOISE)
    side = [_SQUARE_UNIT] * views.square.shape[-1]
    return out | {"square": Task(parts["head"].points, views.square, side, torch.ones_like(views.square), _NOISE)}
