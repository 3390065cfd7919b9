"""Distils the pose regressor: from FaceMesh landmarks of rendered heads to their exact labels, as pose.onnx.

`python export/distill_pose.py --shape-model FOLDER --out FOLDER --samples 30000 --budget SECONDS` renders what is
missing in OUT/facemesh, trains one small network for each part of the face, prints R² and mean errors on unseen heads,
writes OUT/pose.onnx and compares it in ONNX Runtime and OpenVINO with torch.

A driver's neutral is subtracted later, so slopes matter more than offsets. The loss takes each person's four poses
together: e = prediction − label is split into the person's mean and what is left, and the mean weighs less:

    L = Σ ρ(e − ē) + λ Σ ρ(ē),   ρ(e) = k² log(1 + e²/k²)

ρ forgives the pictures in which FaceMesh misses a brow under a fringe; those in which its whole face lies askew are
left out. Where landmarks say little, the best guess of a number is timid; so each output is stretched until its slope g
on large frontal heads is 1, at most by 1 + g. Networks of other seeds read renders equally well, and one and the same
real face differently; the mean of several, which reads each part, is as good there as the best of them.

Source: ρ is Cauchy's loss as in Barron, "A General and Adaptive Robust Loss Function", CVPR 2019, arXiv:1701.03077
(α = 0).
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float, Float32, Int
from torch import Tensor

from engines import open_engine
from export.face_parts import face_parts, mirror_order
from export.facemesh_samples import POSES, RESOLUTION, FaceMeshSamples, collect
from export.grimaces import Grimaces
from export.pose_graph import HeadFrame, PoseGraph, Reader, face_features, mean_reader, write_pose_graph
from export.pose_tasks import FOLLOWED, Task, all_views, askew, fit_template, tasks
from export.render_heads import HeadRenderer
from export.shape_model import load_shape_model
from puppet.pose_space import BUILTIN

POSE_FILE = "pose.onnx"
_HELD_OUT = 10
"""Every tenth person is kept for the table."""
_COMPONENTS, _HIDDEN, _SEEDS = 120, 192, 3
_EPOCHS, _PEOPLE, _RATE, _DECAY = 80, 64, 1e-2, 1e-3
_OFFSET_WEIGHT, _FORGIVING = 0.3, 0.8
_CLEAR_YAW_DEG, _CLEAR_ZOOM = 15.0, 0.7
"""Heads that are turned less and fill more of the picture than this are seen as well as a driver's at a desk."""


@dataclass(frozen=True, slots=True)
class Score:
    """How well one number is read on unseen heads; a gaze only where the eyes are open.

    Attributes:
        r2: Coefficient of determination.
        r2_clear: The same on clear heads only: large and nearly frontal, as in front of a webcam.
        error: Mean absolute error.
        gain: Slope of what is read over the label, within a person; on clear heads only.
    """

    r2: float
    r2_clear: float
    error: float
    gain: float


def distil(samples: FaceMeshSamples) -> tuple[PoseGraph, dict[str, Score]]:
    """Train the pose graph; scores by entry of p and `square_x`, `square_y`, `square_side`, on people held out."""
    template = fit_template(samples)
    frame, parts = HeadFrame(template), face_parts(template)
    views = all_views(frame, samples, mirror_order(template))
    held_out = samples.person % _HELD_OUT == 0
    learned = ~held_out & ~askew(views)
    people = _whole_people(samples, learned)
    clear = (np.abs(samples.p[:, 0]) < _CLEAR_YAW_DEG) & (samples.crop[:, 2] > _CLEAR_ZOOM * RESOLUTION)
    readers: dict[str, Reader] = {}
    scores: dict[str, Score] = {}
    for name, task in tasks(views, parts).items():
        points = torch.tensor(list(task.points))
        pairs = zip(views.face, views.angles_deg, strict=True)
        features = torch.stack([face_features(face, angles, points) for face, angles in pairs])
        trained = whitened_readers(task, features[:, learned], _SEEDS)
        for seed, one in enumerate(trained):
            train_reader(one, features, task, people, seed)
        reader = mean_reader(trained)
        with torch.inference_mode():
            if name != "square":
                gains = _gains(reader(features[FOLLOWED]), task, samples, clear & ~held_out)
                reader.unit *= torch.minimum(1 / gains, 1 + gains).clamp(min=1)
            read = reader(features[FOLLOWED])
        names = parts[name].entries if name in parts else ("square_x", "square_y", "square_side")
        scores |= dict(zip(names, _scores(read, task, samples, held_out, clear), strict=True))
        readers[name] = reader
        print(f"{name} trained", flush=True)
    entries = [[BUILTIN.index(entry) for entry in part.entries] for part in parts.values()]
    return PoseGraph(frame, [readers[name] for name in parts], entries, readers["square"]), scores


def _whole_people(samples: FaceMeshSamples, kept: np.ndarray) -> Int[Tensor, "people poses"]:
    """Rows of the people whose every picture shows a face."""
    rows = np.flatnonzero(kept)
    _, first, count = np.unique(samples.person[rows], return_index=True, return_counts=True)
    return torch.from_numpy(rows[first[count == POSES, None] + np.arange(POSES)])


def whitened_readers(task: Task, features: Float[Tensor, "views n features"], count: int) -> list[Reader]:
    """Untrained readers whose inputs are the strongest components of the features, at equal strength."""
    flat = features.flatten(0, 1)
    mean = flat.mean(0)
    covariance = (flat - mean).T @ (flat - mean) / len(flat) + task.noise**2 * torch.eye(flat.shape[1])
    strength, axes = torch.linalg.eigh(covariance)
    whiten = axes[:, -_COMPONENTS:] / strength[-_COMPONENTS:].sqrt()
    readers = [Reader(task.points, mean, whiten, torch.tensor(list(task.unit)), _HIDDEN) for _ in range(count)]
    for reader in readers:
        with torch.no_grad():
            reader.linear.bias.copy_(task.wanted.flatten(0, 1).mean(0) / reader.unit)
    return readers


def train_reader(
    reader: Reader,
    features: Float[Tensor, "views n features"],
    task: Task,
    people: Int[Tensor, "people poses"],
    seed: int,
) -> None:
    """Train on people given by the rows of their pictures, each time in a random view."""
    torch.manual_seed(seed)
    steps = max(2, _EPOCHS * len(people) // _PEOPLE)
    optimiser = torch.optim.AdamW(reader.parameters(), _RATE, weight_decay=_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=steps)
    for _ in range(steps):
        rows = people[torch.randint(len(people), (_PEOPLE,))]
        view = torch.randint(len(features), (_PEOPLE, 1)).expand_as(rows)
        x, weight = features[view, rows], task.weight[view, rows]
        error = (reader(x + task.noise * torch.randn_like(x)) - task.wanted[view, rows]) / reader.unit
        offset = (error * weight).sum(1, keepdim=True) / weight.sum(1, keepdim=True).clamp(min=0.1)
        loss = (weight * _forgive(error - offset)).mean() + _OFFSET_WEIGHT * _forgive(offset).mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()


def _forgive(error: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    return _FORGIVING**2 * torch.log1p((error / _FORGIVING) ** 2)


def _gains(
    read: Float[Tensor, "n outputs"], task: Task, samples: FaceMeshSamples, chosen: np.ndarray
) -> Float[Tensor, "outputs"]:
    """Slope of what is read over what is wanted, each taken from its mean over the person's pictures, by weight."""
    rows = torch.from_numpy(np.flatnonzero(chosen))
    _, person = np.unique(samples.person[chosen], return_inverse=True)
    index = torch.from_numpy(person)[:, None].expand(-1, read.shape[1])
    weight = task.weight[FOLLOWED, rows]
    total = torch.zeros(int(index.max()) + 1, read.shape[1]).scatter_add(0, index, weight).clamp(min=1e-6)

    def moved(values: Tensor) -> Tensor:
        mean = torch.zeros_like(total).scatter_add(0, index, weight * values) / total
        return values - mean.gather(0, index)

    x, y = moved(task.wanted[FOLLOWED, rows]), moved(read[rows])
    return (weight * x * y).sum(0) / (weight * x * x).sum(0)


def _scores(
    read: Float[Tensor, "n outputs"], task: Task, samples: FaceMeshSamples, held_out: np.ndarray, clear: np.ndarray
) -> list[Score]:
    weight = task.weight[FOLLOWED, held_out]
    error = (read - task.wanted[FOLLOWED])[held_out].abs()
    mean = (weight * error).sum(0) / weight.sum(0)
    columns = [
        _determination(read, task, held_out), _determination(read, task, held_out & clear), mean,
        _gains(read, task, samples, held_out & clear),
    ]  # fmt: skip
    return [Score(*(float(value) for value in row)) for row in torch.stack(columns, 1)]


def _determination(read: Float[Tensor, "n outputs"], task: Task, chosen: np.ndarray) -> Float[Tensor, "outputs"]:
    """R² of what is read on the chosen rows, by weight."""
    wanted, weight = task.wanted[FOLLOWED, chosen], task.weight[FOLLOWED, chosen]
    mean = (weight * wanted).sum(0) / weight.sum(0)
    return 1 - (weight * (read[chosen] - wanted) ** 2).sum(0) / (weight * (wanted - mean) ** 2).sum(0)


def table(scores: Mapping[str, Score]) -> str:
    """Scores as Markdown; the square's errors are in sizes of the face (a face is about 3.5 sizes high)."""
    lines = ["| entry | R² | R², clear heads | mean error | gain |", "| --- | --: | --: | --: | --: |"]
    lines += [
        f"| {name} | {s.r2:.2f} | {s.r2_clear:.2f} | {s.error:.2f} | {s.gain:.2f} |" for name, s in scores.items()
    ]
    return "\n".join(lines)


def check(path: Path, graph: PoseGraph, landmarks: Float32[np.ndarray, "n 478 3"]) -> dict[str, float]:
    """Largest difference in p between torch and each runtime, by the engine's name."""
    with torch.inference_mode():
        wanted = graph(torch.from_numpy(landmarks))[0].numpy()
    out = {}
    for runtime in ("onnxruntime", "openvino"):
        engine = open_engine(path, runtime, threads=1, precision="f32")
        read = [engine.run({"landmarks": face[None]})["p"][0].copy() for face in landmarks]
        out[engine.name] = float(np.abs(np.array(read) - wanted).max())
        engine.close()
    return out


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape-model", type=Path, required=True, help="folder with ict_facekit.npz")
    parser.add_argument("--out", type=Path, required=True, help="folder for pose.onnx and the landmarks")
    parser.add_argument("--samples", type=int, default=30_000, help="pictures (default: %(default)s)")
    parser.add_argument("--budget", type=float, default=float("inf"), help="seconds after which to stop rendering")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    shape = load_shape_model(options.shape_model)
    renderer = HeadRenderer(shape, RESOLUTION)
    samples = collect(renderer, Grimaces(shape), options.out / "facemesh", options.samples, options.budget)
    graph, scores = distil(samples)
    print(table(scores))
    path = options.out / POSE_FILE
    write_pose_graph(graph, path)
    for engine, difference in check(path, graph, samples.landmarks[:50, 0]).items():
        print(f"{engine}: largest difference of p {difference:.1e}")
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
