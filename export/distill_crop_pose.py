"""Distils a bundle's pose graph that reads pictures (E_flame, a ResNet-50) into a light student for live use.

    python export/distill_crop_pose.py --bundle voxceleb --data clips/ portraits/ --output voxceleb-live --budget 1200

Clips and pictures need no labels: the bundle's own graph reads every face in them, and the student learns to say the
same of a smaller picture. Prints how far the student is from its teacher on parts of the clips that it never saw, then
writes a bundle that differs from the first one in `pose.onnx` alone; the teacher stays available there.

    L = mean (e²/σ² + log σ²)/2,    e = (student − teacher) / deviation of the teacher's values

Source: Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network", 2015, arXiv:1503.02531; σ as in
`puppet.networks.residual.likelihood_loss`.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor, nn

from engines import EngineError, open_engine
from export.face_views import Views, collect, media_of
from export.to_onnx import export_network
from export.training import Averaged, Budget, Every, rate_at
from export.whole_folder import whole_folder
from puppet.bundle import POSE, Bundle, load_bundle, write_manifest
from puppet.errors import PuppetError
from puppet.manifest import MANIFEST
from puppet.networks.residual import PictureRegressor, likelihood_loss
from puppet.pose_space import SCALED_RANGE, PoseSpace

EDGE = 96
"""Of the student's picture, in pixels."""

LOOKING = 0.5
"""At most this share of the budget is spent on what the teacher says."""

BATCH, RATE, DECAY, WARM_UP_STEPS, HALF_LIFE = 64, 1.5e-3, 1e-2, 50, 5_000
GAIN, SHIFT, NOISE = 0.2, 0.1, 0.03
"""How far training pictures stray in contrast, brightness and noise; a picture spans 1."""

LEAST_DEVIATION = 1e-3
"""Of a scaled entry: one that never moves is not amplified."""

REPORT_S = 10.0


class Student(nn.Module):
    """Picture → p.

    Args:
        space: Whose entries come out.
        scaled: The teacher's values p̃: their mean and deviation are the student's units.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, space: PoseSpace, scaled: Float32[np.ndarray, "n k"]) -> None:
        super().__init__()
        self.network = PictureRegressor(EDGE, space.dim)
        spread = np.maximum(scaled.std(0), LEAST_DEVIATION)
        self.register_buffer("mean", torch.from_numpy(space.unscale(scaled.mean(0))))
        per_scaled = (space.upper - space.lower) / (2 * SCALED_RANGE)
        self.register_buffer("deviation", torch.from_numpy(np.asarray(spread * per_scaled, np.float32)))

    def forward(self, picture: UInt8[Tensor, "n r r 3"]) -> Float[Tensor, "n k"]:
        """Poses in the units of the pose space."""
        return self.restore(self.network(picture.permute(0, 3, 1, 2).float() / 255.0))

    def restore(self, units: Float[Tensor, "n k"]) -> Float[Tensor, "n k"]:
        """From the student's units to those of the pose space."""
        return self.mean + self.deviation * units


def train(student: Student, views: Views, budget: Budget, budget_s: float) -> None:
    """Train until the budget ends; the student then has the averaged weights.

    Args:
        student: In place.
        views: What it learns from.
        budget: Says when to stop.
        budget_s: Its seconds.
    """
    began_s = budget.elapsed_s
    pictures = torch.from_numpy(views.pictures[~views.held_out])
    wanted = (torch.from_numpy(views.p[~views.held_out]) - student.mean) / student.deviation
    network = student.network
    averaged = Averaged(network, HALF_LIFE)
    optimiser = torch.optim.AdamW(network.parameters(), RATE, betas=(0.9, 0.99), weight_decay=DECAY)
    draw = torch.Generator().manual_seed(0)
    report, steps = Every(REPORT_S), 0
    while budget.running or steps == 0:
        share = (budget.elapsed_s - began_s) / max(budget_s - began_s, 1e-9)
        for group in optimiser.param_groups:
            group["lr"] = RATE * rate_at(steps, WARM_UP_STEPS, 2 * share - 1)
        rows = torch.randint(len(pictures), (BATCH,), generator=draw)
        prediction = network(strayed(pictures[rows], draw))
        loss = likelihood_loss(prediction - wanted[rows], network.log_variance)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        steps += 1
        averaged.update(BATCH, steps * BATCH)
        if report.due():
            print(f"step {steps}  loss {loss.item():.3f}  {budget_s - budget.elapsed_s:.0f} s left", flush=True)
    student.network = averaged.module


def strayed(pictures: UInt8[Tensor, "n r r 3"], draw: torch.Generator) -> Float[Tensor, "n 3 r r"]:
    """Pictures in another light and with noise; the teacher saw them without."""
    picture = pictures.permute(0, 3, 1, 2).float() / 255.0
    gain, shift = torch.randn(2, len(picture), 1, 1, 1, generator=draw)
    noise = NOISE * torch.randn(picture.shape, generator=draw)
    lit: Tensor = (1 + GAIN * gain) * (picture - 0.5) + 0.5 + SHIFT * shift + noise
    return lit.clamp(0.0, 1.0)


@torch.inference_mode()
def errors(student: Student, views: Views) -> tuple[Float32[np.ndarray, "k"], Float32[np.ndarray, "k"]]:
    """Mean absolute error of each entry against the teacher on what was held out, and R²."""
    wanted = views.p[views.held_out]
    read = student.eval()(torch.from_numpy(views.pictures[views.held_out])).numpy()
    difference = read - wanted
    variance = np.maximum(wanted.var(0), 1e-12)
    return np.abs(difference).mean(0), np.asarray(1 - (difference**2).mean(0) / variance, np.float32)


def table(space: PoseSpace, error: Float32[np.ndarray, "k"], r2: Float32[np.ndarray, "k"]) -> str:
    """The errors as Markdown: in the entry's own unit, and as a share of its range."""
    lines = ["| entry | mean error | of its range | R² |", "| --- | --: | --: | --: |"]
    shares = error / (space.upper - space.lower)
    rows = zip(space.names, error, shares, r2, strict=True)
    return "\n".join([*lines, *(f"| {name} | {e:.3f} | {100 * s:.1f} % | {r:.2f} |" for name, e, s, r in rows)])


def distil(bundle: Bundle, data: list[Path], out: Path, budget_s: float) -> Bundle:
    """Train a student and write the bundle `out`, whole or not at all.

    Raises:
        ValueError: The bundle's pose graph reads no pictures, or the data shows no faces.
        EngineError: The teacher does not load or run.
        OSError: Something cannot be read or written.
    """
    if bundle.squares is None:
        raise ValueError(f"{bundle.folder} reads poses from landmarks already, which is fast; nothing to distil")
    budget = Budget(budget_s)
    with closing(open_engine(bundle.pose_path, precision="f32")) as teacher:
        views = collect(media_of(data), teacher, bundle.squares.pose, EDGE, LOOKING * budget_s)
    print(f"{len(views.p)} views, {views.held_out.sum()} of them held out", flush=True)
    torch.manual_seed(0)
    student = Student(bundle.pose_space, bundle.pose_space.scale(views.p[~views.held_out]))
    train(student, views, budget, budget_s)
    print(table(bundle.pose_space, *errors(student, views)))
    with whole_folder(out) as folder:
        for path in bundle.folder.iterdir():
            if path.name not in (POSE, MANIFEST):
                shutil.copyfile(path, folder / path.name)
        example = torch.zeros(1, EDGE, EDGE, 3, dtype=torch.uint8)
        export_network(student, {"picture": example}, ["p"], folder / POSE)
        write_manifest(
            folder,
            name=bundle.name,
            version=f"{bundle.version} live"[:200],
            licence=bundle.licence,
            layout=bundle.layout,
            pose_space=bundle.pose_space,
            identity=bundle.identity,
            squares=bundle.squares,
            codes_are_posed=bundle.codes_are_posed,
            tuning=bundle.tuning,
            origin=bundle.origin,
        )
    return load_bundle(out)


def main(arguments: list[str] | None = None) -> int:
    """Distil from the command line; the exit code, 1 after an error that was said in one sentence."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, required=True, help="whose pose graph is the teacher")
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="clips, pictures, or folders of them")
    parser.add_argument("--output", type=Path, required=True, help="the bundle to write")
    parser.add_argument("--budget", type=float, required=True, metavar="SECONDS", help="time for all of it")
    options = parser.parse_args(arguments)
    began_s = time.monotonic()
    try:
        bundle = distil(load_bundle(options.bundle), options.data, options.output, options.budget)
    except (PuppetError, EngineError, OSError, ValueError) as error:
        print(f"distil: {error}", file=sys.stderr)
        return 1
    print(f"wrote {bundle.name} {bundle.version} to {bundle.folder} in {time.monotonic() - began_s:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
