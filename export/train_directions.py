"""Trains the direction matrix A, in one of the paper's three modes, and ships the better of A and the oracle P.

    python export/train_directions.py --data pool --generator state --net3d net3d --identity identity \
        --shape-model FOLDER --out directions --budget 600 --rate 2e-2 --cooldown
    python export/train_directions.py --mode mixed --encoder encoder …
    python export/train_directions.py --mode paired --encoder encoder --start mixed …

`synthetic` (section 3.1) moves random heads; in `mixed` (3.2) half of each batch are pictures of the pool, or frames of
`--clips`, inverted by the encoder; `paired` (3.3) moves a picture of a person to another picture of the same person.

Without `--data` no rendered heads score A: so it is for the generator of export/import_checkpoint.py's `--state`, which
has no oracle. Defaults are the paper's: Adam 1e-4, 20,000 iterations (paired 150,000), batch 12, ranges from 10,000
generated pictures. A core makes half a step a second: take a larger --rate with --cooldown, as above; ranges take a
tenth of the budget at most. `--recipe authors` does what the authors' code does, where it differs; options for single
entries of it go before. Writes `directions.safetensors` (for a bundle), `trained.safetensors` (A, to go on from), and
`state.json`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, fields, replace
from pathlib import Path

import torch

from export.direction_losses import (
    NET3D_WEIGHT,
    PLACED_WEIGHT,
    PRETRAINED_WEIGHT,
    DirectionLosses,
    LossWeights,
    net3d_perceptual,
    pretrained_perceptual,
    recognition,
)
from export.direction_samples import AUTHORS, PAPER, Heads, Recipe, Samples, fixed_ranges
from export.direction_scores import Directions, Score, Scorer, cosines, write_directions
from export.direction_state import resume, save
from export.direction_trainer import ITERATIONS, PAIRED_ITERATIONS, DirectionSettings, DirectionTrainer
from export.generator_state import load_trained_generator
from export.head_pool import HeadBatch, HeadPool
from export.inverted import FilmedPeople, Inverter, People, RenderedPeople
from export.posed_shape import PosedShape
from export.progress import Progress, steps
from export.ranks import Ranks
from export.run_folder import Run, open_run
from export.shape_model import load_shape_model
from export.train_encoder import load_encoder
from export.train_shape_regressor import load_shape_regressor
from puppet.pose_space import BUILTIN

SAVE_S = 120.0

ALONE = 48
"""Generated heads that are scored where there are no rendered ones."""

STATISTICS_SHARE = 0.1
"""Of the budget, which measuring the ranges may take."""


def train(trainer: DirectionTrainer, run: Run) -> None:
    """Step until the budget or the iterations end, reporting and saving on the way.

    Raises:
        TrainingError: A loss is not finite any more; the last save is intact.
        OSError: The disk is full; the last save is intact.
    """
    settings = trainer.settings
    with Progress(run, trainer.steps, 1, "steps") as progress:
        for due in steps(run, SAVE_S):
            if trainer.steps >= settings.iterations:
                break
            done = max(due.elapsed_s / settings.budget_s, trainer.steps / settings.iterations)
            progress.add(trainer.step(done if settings.cooldown else 0.0))
            if due.report or due.save:
                progress.report(trainer.steps)
            if due.save:
                run.ranks.alone(lambda: save(trainer))
        progress.report(trainer.steps)
        run.ranks.alone(lambda: save(trainer))


def ship(trainer: DirectionTrainer, held_out: HeadBatch) -> None:
    """Score A and P, print both and their cosines, and write the better."""
    heads = trainer.samples.heads
    A, P = trainer.directions(), Directions(heads.trained.generator.pose_basis)
    each = cosines(A.A, P.A)
    print(
        "cosine of A and P:", "  ".join(f"{name} {value:.3f}" for name, value in zip(BUILTIN.names, each, strict=True))
    )
    print(f"mean cosine {each.mean():.3f}")
    scorer = Scorer(heads.trained, heads.net3d, held_out)
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
    add = parser.add_argument
    add("--mode", choices=("synthetic", "mixed", "paired"), default="synthetic", help="default: %(default)s")
    add("--data", type=Path, help="pool folder; its held-out heads are scored, the others are the real pictures")
    add("--clips", type=Path, help="folder with a folder of square frames for each clip: real pictures instead")
    add("--generator", type=Path, required=True, help="state folder of export/train_generator.py")
    add("--encoder", type=Path, help="state folder of export/train_encoder.py; inverts real pictures")
    add("--net3d", type=Path, required=True, help="state folder of export/train_shape_regressor.py")
    add("--identity", type=Path, help="state folder of export/train_identity.py, or model_ir_se50.pth; none: no L_id")
    add("--vgg", type=Path, metavar="FILE", help="torchvision's VGG-16, for the paper's L_per")
    add("--alexnet", type=Path, metavar="FILE", help="torchvision's AlexNet, for the authors' L_per (LPIPS)")
    add("--shape-model", type=Path, required=True, help="folder with ict_facekit.npz")
    add("--out", type=Path, required=True, help="state folder; resumed when it holds a state")
    add("--start", type=Path, help="state folder of the matrix that a new one starts from (default: from zero)")
    add("--budget", type=float, required=True, metavar="SECONDS", help="time to train")
    add("--iterations", type=int, help=f"most steps (default: {ITERATIONS}, paired {PAIRED_ITERATIONS})")
    add("--rate", type=float, default=paper.rate, help="Adam's learning rate (default: %(default)s)")
    add("--batch", type=int, default=paper.batch, help="samples a step (default: %(default)s)")
    add("--cooldown", action="store_true", help="let the rate fall to 0 over this run")
    add("--recipe", choices=("paper", "authors"), default="paper", help="where they differ (default: %(default)s)")
    _add_recipe(parser)
    for name in ("shape", "eye", "mouth", "identity", "perceptual", "pixel"):
        usual = f"{getattr(weights, name):g}"
        ours = f", paired {PLACED_WEIGHT:g}, with features of Net3D, else {PRETRAINED_WEIGHT:g}"
        usual += ours if name == "perceptual" else ""
        default = None if name == "perceptual" else getattr(weights, name)
        add(
            f"--weight-{name}",
            type=float,
            default=default,
            metavar="λ",
            help=f"0 leaves the loss out (default: {usual})",
        )
    add("--seed", type=int, default=0, help="of everything that is drawn (default: %(default)s)")
    add("--device", default="cpu", help="cpu, cuda, cuda:1 … (default: %(default)s)")
    options = parser.parse_args(arguments)
    if options.batch < 2 or options.batch % 2:
        parser.error(f"--batch must be even, not {options.batch}: half of it moves a single attribute")
    if options.mode != "synthetic" and (options.encoder is None or not (options.data or options.clips)):
        parser.error(f"--mode {options.mode} needs --encoder, and --data or --clips: it inverts real pictures")
    if not any(getattr(options, f"weight_{name}") for name in ("shape", "eye", "mouth")):
        parser.error("one of --weight-shape, --weight-eye and --weight-mouth must not be 0: else nothing moves")
    return options


def _add_recipe(parser: argparse.ArgumentParser) -> None:
    """Options that take the place of single entries of the recipe."""
    add = parser.add_argument
    add(
        "--single", choices=("offset", "limited", "destination"),
        help="a single attribute moves by ε (paper), by ε within the range, or to ε (authors)",
    )  # fmt: skip
    add(
        "--halves", choices=("crossed", "aligned"), help="who moves a single attribute in mixed batches; see the recipe"
    )
    add("--distances", choices=("inner", "axes"), help="L_eye and L_mouth in space (paper) or along axes (authors)")
    add("--shape-of", choices=("source", "target"), help="whose p_i is wanted in paired training (paper: source's)")
    add("--bias", action=argparse.BooleanOptionalAction, help="learn a bias too, as the authors' code does")
    add("--weight-decay", type=float, help="Adam's (paper: 0, authors: 5e-4)")
    add("--statistics", type=int, metavar="N", help="measure the ranges of p on N pictures; 0: those of the pose space")
    add("--psi", type=float, metavar="ψ", help="truncate codes after the shift (paper: 1, authors: 0.7)")


def recipe_of(options: argparse.Namespace) -> Recipe:
    """The named recipe, with the entries that were given one by one."""
    recipe = {"paper": PAPER, "authors": AUTHORS}[options.recipe]
    given = {field.name: getattr(options, field.name) for field in fields(Recipe)}
    return replace(recipe, **{name: value for name, value in given.items() if value is not None})


def _losses(options: argparse.Namespace, heads: Heads, recipe: Recipe, ranks: Ranks) -> DirectionLosses:
    loaded = pretrained_perceptual(options.vgg, options.alexnet, heads.device)
    perceptual = loaded or net3d_perceptual(heads.net3d, heads.dtype, placed=options.mode == "paired", ranks=ranks)
    λ_per = options.weight_perceptual
    if λ_per is None:
        ours = PLACED_WEIGHT if options.mode == "paired" else NET3D_WEIGHT
        λ_per = PRETRAINED_WEIGHT if loaded else ours
    weights = LossWeights(
        options.weight_shape, options.weight_eye, options.weight_mouth, options.weight_identity, λ_per,
        options.weight_pixel,
    )  # fmt: skip
    shape = PosedShape(load_shape_model(options.shape_model), heads.net3d.modes).to(heads.device)
    recognised = recognition(options.identity, heads.device) if options.identity else None
    return DirectionLosses(shape, weights, recognised, perceptual, recipe.distances)


def _real(options: argparse.Namespace, heads: Heads, ranks: Ranks) -> tuple[People, Inverter] | None:
    if options.mode == "synthetic":
        return None
    inverter = Inverter(heads.trained, load_encoder(options.encoder).to(heads.device))
    if options.clips is not None:
        return FilmedPeople(options.clips, inverter.resolution), inverter
    pool = HeadPool(options.data)
    ranks.check_same("pool", len(pool))
    return RenderedPeople(pool), inverter


def compose(options: argparse.Namespace, recipe: Recipe, run: Run) -> DirectionTrainer:
    """Everything that trains, from the command line's options."""
    device = torch.device(run.device)
    trained, net3d = load_trained_generator(options.generator, device), load_shape_regressor(options.net3d, device)
    heads = Heads(trained, net3d, recipe.psi, options.seed)
    samples = Samples(options.mode, heads, fixed_ranges(device), recipe, _real(options, heads, run.ranks), run.ranks)
    iterations = options.iterations or (PAIRED_ITERATIONS if options.mode == "paired" else ITERATIONS)
    settings = DirectionSettings(
        options.out, options.budget, iterations, options.rate, options.batch, options.cooldown, recipe
    )
    return DirectionTrainer(settings, samples, _losses(options, heads, recipe, run.ranks))


@contextmanager
def trained(arguments: list[str] | None) -> Iterator[tuple[argparse.Namespace, DirectionTrainer, Run]]:
    """Train as the command line says; the matrix is in its state folder, and not scored yet.

    Yields:
        The options, the trainer, and its run.

    Raises:
        SystemExit: Something is missing, damaged or in use; with one sentence.
    """
    options = _parse(arguments)
    recipe = recipe_of(options)
    for name, value in asdict(recipe).items():
        setattr(options, name, value)
    with open_run(Path(__file__).name, arguments, options) as run:
        trainer = compose(options, recipe, run)
        if run.ranks.first:
            losses = trainer.losses
            identity = losses.recognition.name if losses.recognition else "none"
            print(
                f"{trainer.settings}\nperceptual loss: {losses.perceptual.name}; identity loss: {identity}", flush=True
            )
        begin(trainer, options.start, run)
        train(trainer, run)
        yield options, trainer, run


def begin(trainer: DirectionTrainer, start: Path | None, run: Run) -> None:
    """Take up the run folder's matrix, or the one to start from, or measure the ranges for a new one.

    Raises:
        FileNotFoundError: There is no matrix to start from.
    """
    recipe, ranks = trainer.settings.recipe, run.ranks
    taken_up = resume(trainer, run.folder)
    ranks.check_same("state", taken_up, trainer.steps, trainer.before)
    if not taken_up and start is not None and not resume(trainer, start, steps=False):
        raise FileNotFoundError(f"expected a state of export/train_directions.py in {start}; train it first")
    if not taken_up and start is None and recipe.statistics:
        # How many fit into their time depends on the clock, so one process measures.
        samples = trainer.samples
        if ranks.first:
            samples.ranges = samples.heads.measure(recipe.statistics, run.budget.part(STATISTICS_SHARE))
        ranks.share([samples.ranges.centre, samples.ranges.half_range])
        trainer.draw_anew()


def main(arguments: list[str] | None = None) -> None:
    """Train from the command line."""
    with trained(arguments) as (options, trainer, run):
        if not run.ranks.first:
            return
        if options.data is None:
            ship_alone(trainer)
        else:
            ship(trainer, HeadPool(options.data).held_out())


if __name__ == "__main__":
    main()
