"""Trains the direction matrix A by the paper's synthetic mode (section 3.1) and ships the better of A and the oracle P.

    python export/train_directions.py --data pool --generator state --net3d net3d --shape-model FOLDER \
        --out directions --budget 600 --rate 2e-2 --cooldown

Without `--data` no rendered heads score A: so it is for the generator of export/import_checkpoint.py's `--state`, which
has no oracle. Defaults are the paper's: Adam 1e-4, 20,000 iterations, batch 12. A CPU makes about two a second: use a
larger --rate with --cooldown, as above. Writes `directions.safetensors` (for a bundle), `trained.safetensors`
(A, to go on from) and `state.json`.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping
from pathlib import Path

import torch

from export.dataset import HeadBatch, HeadPool
from export.direction_scores import Directions, Score, Scorer, cosines, write_directions
from export.direction_trainer import DirectionSettings, DirectionTrainer, LossWeights
from export.generator_state import load_trained_generator
from export.posed_shape import PosedShape
from export.shape_model import load_shape_model
from export.train_shape_regressor import load_shape_regressor
from export.training import Budget, Every, load_weights, save_weights, write_json
from puppet.pose_space import BUILTIN

REPORT_S = 10.0
SAVE_S = 120.0

ALONE = 48
"""Generated heads that are scored where there are no rendered ones."""


def resume(trainer: DirectionTrainer) -> None:
    """Take up A from the state folder, if it holds one.

    Raises:
        ValueError: It belongs to another layout, or was trained with other ranges, or with or without a bias.
    """
    out, statistics = trainer.settings.out, trainer.settings.statistics
    if not (out / "state.json").exists():
        return
    state = json.loads((out / "state.json").read_text(encoding="utf-8"))
    if state["statistics"] != statistics:
        raise ValueError(f"{out} was trained with --statistics {state['statistics']}, not {statistics}; choose another")
    load_weights(trainer.shift, out / "trained.safetensors")
    trainer.steps = int(state["steps"])


def save(trainer: DirectionTrainer) -> None:
    """Write A as it was trained, and the number of steps."""
    save_weights(trainer.shift, trainer.settings.out / "trained.safetensors")
    write_json(trainer.settings.out / "state.json", {"steps": trainer.steps, "statistics": trainer.settings.statistics})


def train(trainer: DirectionTrainer, budget: Budget) -> None:
    """Step until the budget or the iterations end, reporting and saving on the way.

    Raises:
        RuntimeError: A loss is not finite any more; the last save is intact.
    """
    settings = trainer.settings
    report, saving = Every(REPORT_S), Every(SAVE_S)
    steps: list[dict[str, float]] = []
    while budget.running and trainer.steps < settings.iterations:
        done = max(budget.elapsed_s / settings.budget_s, trainer.steps / settings.iterations)
        steps.append(trainer.step(done if settings.cooldown else 0.0))
        if report.due():
            means = {name: sum(step[name] for step in steps) / len(steps) for name in steps[0]}
            text = "  ".join(f"{name} {value:.4f}" for name, value in means.items())
            print(f"step {trainer.steps}  {text}  {settings.budget_s - budget.elapsed_s:.0f} s left", flush=True)
            if not all(map(math.isfinite, means.values())):
                raise RuntimeError("the losses must stay finite; start again from the last save with a lower --rate")
            steps.clear()
        if saving.due():
            save(trainer)
    save(trainer)


def ship(trainer: DirectionTrainer, held_out: HeadBatch) -> None:
    """Score A and P, print both and their cosines, and write the better."""
    A, P = trainer.directions(), Directions(trainer.trained.generator.pose_basis)
    each = cosines(A.A, P.A)
    print(
        "cosine of A and P:", "  ".join(f"{name} {value:.3f}" for name, value in zip(BUILTIN.names, each, strict=True))
    )
    print(f"mean cosine {each.mean():.3f}")
    scorer = Scorer(trainer.trained, trainer.net3d, held_out)
    scores: Mapping[str, Score] = {
        "A moved": scorer.moved(A),
        "P moved": scorer.moved(P),
        "A from code": scorer.from_code(A),
        "P from code": scorer.from_code(P),
        "truth": scorer.truth(),
    }
    for name, score in scores.items():
        print(
            f"{name:12} angles {score.angles_deg:.2f}°  expression {score.expression:.2f}  "
            f"PSNR face {score.face_psnr:.2f} dB  eyes {score.eyes_psnr:.2f}  mouth {score.mouth_psnr:.2f}"
        )
    better = "A" if scores["A from code"].face_psnr > scores["P from code"].face_psnr else "P"
    path = trainer.settings.out / "directions.safetensors"
    write_directions(path, A if better == "A" else P, better, scores)
    print(f"{path} holds {better}")


def ship_alone(trainer: DirectionTrainer) -> None:
    """Write A, and print how near it brings generated heads to the poses of others."""
    A = trainer.directions()
    still = Directions(torch.zeros_like(A.A))
    missed, apart = (trainer.missed(by, ALONE) for by in (A, still))
    print(f"poses that are {apart:.2f} apart are missed by {missed:.2f}, as Net3D reads them")
    path = trainer.settings.out / "directions.safetensors"
    write_directions(path, A, "A", {})
    print(f"{path} holds A")


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    paper, weights = DirectionSettings(Path(), 0.0), LossWeights()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="pool folder; its held-out heads are scored")
    parser.add_argument("--generator", type=Path, required=True, help="state folder of export/train_generator.py")
    parser.add_argument("--net3d", type=Path, required=True, help="state folder of export/train_shape_regressor.py")
    parser.add_argument("--shape-model", type=Path, required=True, help="folder with ict_facekit.npz")
    parser.add_argument("--out", type=Path, required=True, help="state folder; resumed when it holds a state")
    parser.add_argument("--budget", type=float, required=True, metavar="SECONDS", help="time to train")
    parser.add_argument("--iterations", type=int, default=paper.iterations, help="most steps (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=paper.rate, help="Adam's learning rate (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=paper.batch, help="samples a step (default: %(default)s)")
    parser.add_argument("--cooldown", action="store_true", help="let the rate fall to 0 over this run")
    parser.add_argument(
        "--single", choices=("offset", "destination"), default=paper.single,
        help="a single attribute moves by ε (paper) or to ε (authors' code) (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--bias", action="store_true", help="learn a bias too, as the authors' code does")
    parser.add_argument(
        "--statistics", type=int, default=0, metavar="N",
        help="measure the ranges of p on N generated pictures (paper: 10000); default: those of the pose space",
    )  # fmt: skip
    for name in ("shape", "eye", "mouth", "perceptual"):
        default = getattr(weights, name)
        parser.add_argument(f"--{name}", type=float, default=default, metavar="λ", help="default: %(default)s")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1 … (default: %(default)s)")
    options = parser.parse_args(arguments)
    if options.batch < 2 or options.batch % 2:
        parser.error(f"--batch must be even, not {options.batch}: half of it moves a single attribute")
    return options


def main(arguments: list[str] | None = None) -> None:
    """Train from the command line."""
    options = _parse(arguments)
    weights = LossWeights(options.shape, options.eye, options.mouth, options.perceptual)
    settings = DirectionSettings(
        options.out, options.budget, options.iterations, options.rate, options.batch, options.single,
        options.bias, options.statistics, options.cooldown, weights,
    )  # fmt: skip
    device = torch.device(options.device)
    net3d = load_shape_regressor(options.net3d, device)
    shape = PosedShape(load_shape_model(options.shape_model), net3d.modes)
    trainer = DirectionTrainer(settings, load_trained_generator(options.generator, device), net3d, shape, device)
    resume(trainer)
    print(f"{settings}\nperceptual loss: features of Net3D; identity loss: none", flush=True)
    budget = Budget(options.budget)
    budget.catch_signals()
    train(trainer, budget)
    if options.data is None:
        ship_alone(trainer)
    else:
        ship(trainer, HeadPool(options.data).held_out())


if __name__ == "__main__":
    main()
