"""Trains the encoder's second stage, as e4e does: an offset for every row, charged for the picture that is painted.

    python export/train_encoder_offsets.py --data pool --generator state --encoder encoder --identity identity \
        --net3d net3d --out offsets --budget 1800

Starts from the state folder of export/train_encoder.py. Every loss has a weight, and 0 leaves it out; the defaults are
those of e4e where it has such a loss (Tov et al., arXiv:2102.02766). The perceptual loss is VGG's or AlexNet's where
they are given, else it is taken in features of Net3D; the first lines say which.

Prints, for held-out people, what the generator paints of the codes, as seen and turned, before and after, and R² of the
factors. Judges are the networks of the losses, unless others are given. `export/encoder_to_onnx.py` takes the folder as
it takes that of the first stage.
"""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path

import torch

from export.augmentation import MILD, STRONG
from export.direction_losses import net3d_perceptual, pretrained_perceptual, recognition
from export.e4e_losses import NET3D_WEIGHT, CodeLosses, CodeWeights
from export.encoder_gates import CodeScorer, Judges
from export.generator_state import TrainedGenerator, load_trained_generator
from export.head_pool import HeadPool
from export.latent_discriminator import LatentGame
from export.offset_trainer import OffsetTrainer, new_offset_encoder
from export.ranks import Ranks
from export.regression import grouped
from export.regression_options import command_line, settings_of
from export.run_folder import Run, open_run
from export.train_encoder import GROUPS, load_encoder, offset_task
from export.train_shape_regressor import load_shape_regressor
from puppet.networks.perceptual import Perceptual
from puppet.networks.speed import fast_dtype, keep_freed_memory

TURNED = 0.5
PER = "perceptual"
"""The loss whose usual weight depends on what it is taken in."""


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = command_line(__doc__, "pool folder written by export/dataset.py", 8)
    add = parser.add_argument
    add("--generator", type=Path, required=True, help="state folder of export/train_generator.py")
    add("--encoder", type=Path, required=True, help="state folder of export/train_encoder.py, where a new one starts")
    add("--identity", type=Path, help="state folder of export/train_identity.py, or model_ir_se50.pth; none: no L_id")
    add("--net3d", type=Path, help="state folder of export/train_shape_regressor.py")
    add("--vgg", type=Path, metavar="FILE", help="torchvision's VGG-16, for the perceptual loss")
    add("--alexnet", type=Path, metavar="FILE", help="torchvision's AlexNet, for the perceptual loss (LPIPS)")
    add("--judge-identity", type=Path, help="who judges likeness (default: the one of the loss)")
    add("--judge-net3d", type=Path, help="who judges poses (default: the one of the loss)")
    add(
        "--turned", type=float, default=TURNED, metavar="SHARE",
        help="of people that are painted in another pose than seen; 0 as e4e (default: %(default)s)",
    )  # fmt: skip
    for field in fields(CodeWeights):
        usual = f"{field.default:g}" + (f", with features of Net3D {NET3D_WEIGHT:g}" if field.name == PER else "")
        add(
            f"--weight-{field.name}", type=float, metavar="λ", default=None if field.name == PER else field.default,
            help=f"0 leaves the loss out (default: {usual})",
        )  # fmt: skip
    options = parser.parse_args(arguments)
    if options.weight_perceptual is None:
        pretrained = options.vgg is not None or options.alexnet is not None
        options.weight_perceptual = CodeWeights().perceptual if pretrained else NET3D_WEIGHT
    return options


def _perceptual(options: argparse.Namespace, device: torch.device, ranks: Ranks) -> Perceptual | None:
    loaded = pretrained_perceptual(options.vgg, options.alexnet, device)
    if loaded is not None or options.net3d is None:
        return loaded
    return net3d_perceptual(load_shape_regressor(options.net3d, device), fast_dtype(device), placed=True, ranks=ranks)


def _losses(options: argparse.Namespace, trained: TrainedGenerator, run: Run) -> CodeLosses:
    device = torch.device(run.device)
    weights = CodeWeights(*(getattr(options, f"weight_{field.name}") for field in fields(CodeWeights)))
    recognised = recognition(options.identity, device) if options.identity else None
    layout = trained.generator.layout
    game = None
    if weights.adversarial:
        game = LatentGame(trained.generator.mapping, layout.z_dim, layout.w_dim, ranks=run.ranks)
    losses = CodeLosses(weights, recognised, _perceptual(options, device, run.ranks), game)
    identity = losses.recognition.name if losses.recognition else "none"
    perceptual = losses.perceptual.name if losses.perceptual else "none"
    if run.ranks.first:
        print(f"{weights}\nperceptual loss: {perceptual}; identity loss: {identity}", flush=True)
    return losses


def _judges(options: argparse.Namespace, device: torch.device) -> Judges:
    identity, net3d = options.judge_identity or options.identity, options.judge_net3d or options.net3d
    return Judges(
        recognition(identity, device) if identity else None, load_shape_regressor(net3d, device) if net3d else None
    )


def report(name: str, scorer: CodeScorer, trainer: OffsetTrainer) -> None:
    """Print what the averaged encoder is worth on held-out people, whose portraits are plain or hard pictures."""
    for pictures, photography in (("plain", MILD), ("hard", STRONG)):
        for kind, likeness in scorer.score(scorer.predicted(trainer.shipped, photography)).items():
            print(f"{name}, {pictures}, {kind}: {likeness.line()}")
        scores = grouped(trainer.r_squared(photography, frontal=True), GROUPS)
        text = "  ".join(f"{group} {value:.3f}" for group, value in scores.items())
        print(f"{name}, {pictures}, R²: {text}", flush=True)


def train(options: argparse.Namespace, run: Run) -> None:
    """Train as the command line says, scoring before and after.

    Raises:
        TrainingError: The loss is not finite any more; the last save is intact.
        FileNotFoundError: A state is missing; the text says how to train it.
        ValueError: States do not fit each other.
    """
    device, pool, settings = torch.device(run.device), HeadPool(options.data), settings_of(options, run)
    trained = load_trained_generator(options.generator, device)
    encoder = new_offset_encoder(load_encoder(options.encoder), trained)
    task, losses = offset_task(encoder.resolution, trained.generator), _losses(options, trained, run)
    trainer = OffsetTrainer(settings, task, pool, encoder, trained, losses, options.turned, run.ranks)
    scorer = CodeScorer(trained, _judges(options, device), pool.held_out())
    if run.ranks.first:
        for kind, likeness in scorer.score(scorer.exact()).items():
            print(f"exact factors, {kind}: {likeness.line()}")
        report("before", scorer, trainer)
    trainer.run(run)
    if run.ranks.first:
        report("after", scorer, trainer)


def main(arguments: list[str] | None = None) -> None:
    """Train from the command line."""
    options = _parse(arguments)
    keep_freed_memory()
    with open_run(Path(__file__).name, arguments, options) as run:
        train(options, run)


if __name__ == "__main__":
    main()
