"""Trains StyleGAN2 on pictures alone, the paper's own way: from scratch, or from a released checkpoint.

    python export/train_stylegan.py --data pool --out state/stylegan --budget 3600 --resolution 32
    python export/train_stylegan.py --data voxceleb --out state/voxceleb --budget 360000 --from stylegan2-ffhq.pt

Non-saturating loss, R1, path length, style mixing, averaged weights, adaptive augmentation. The folder then holds
`averaged.safetensors` (what is used), `generator.safetensors`, `discriminator.safetensors`, `state.json`, `sheets/`
(pictures to look at), `optimiser.pt` (optional, so that an interruption loses nothing), and what `export/run_folder.py`
says.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from export.checkpoints import read_generator
from export.generator_state import load_trained_generator, read_layout
from export.picture_sources import open_pictures
from export.progress import Progress, steps
from export.run_folder import Run, open_run
from export.stylegan_trainer import Settings, StyleGanTrainer
from puppet.networks.layout import GeneratorLayout, stylegan2_layout
from puppet.networks.speed import keep_freed_memory
from puppet.pose_space import BUILTIN


def train(trainer: StyleGanTrainer, run: Run, save_every_s: float) -> None:
    """Step until the budget ends, reporting and saving on the way and at the end.

    Raises:
        TrainingError: A loss is not finite any more; nothing bad was saved.
        OSError: The disk is full; the last save is intact.
    """
    with Progress(run, trainer.pictures, trainer.settings.batch) as progress:
        for due in steps(run, save_every_s):
            progress.add(trainer.step())
            if due.report or due.save:
                progress.report(trainer.pictures)
            if due.save:
                run.ranks.alone(lambda: _keep(trainer, progress))
        progress.report(trainer.pictures)
        run.ranks.alone(lambda: _keep(trainer, progress))


def _keep(trainer: StyleGanTrainer, progress: Progress) -> None:
    trainer.save()
    sheet = trainer.write_sheet()
    progress.say(f"sheet {sheet}")
    progress.sheet(sheet, trainer.pictures)


def layout_of(resolution: int, widest: int) -> GeneratorLayout:
    """The authors' layout, narrowed to at most `widest` channels and codes."""
    layout = stylegan2_layout(resolution, 1, BUILTIN.dim)
    return replace(
        layout,
        channels=tuple(min(count, widest) for count in layout.channels),
        z_dim=min(layout.z_dim, widest),
        w_dim=min(layout.w_dim, widest),
    )


def starting_point(path: Path) -> tuple[GeneratorLayout, dict[str, Tensor]]:
    """The layout and weights of a trained generator: a state folder's average, or a released checkpoint's.

    Raises:
        CheckpointError: The file cannot be read, or is no generator.
        ValueError: The folder's generator paints no RGB pictures.
        FileNotFoundError: The folder has no state.
    """
    if path.is_dir():
        generator = load_trained_generator(path, torch.device("cpu")).generator
        if generator.layout.img_channels != 3:
            raise ValueError(f"expected a generator of RGB pictures in {path}; it paints RGBA: choose another --from")
        return generator.layout, dict(generator.state_dict())
    weights = read_generator(path, BUILTIN.dim, None)
    return weights.layout, weights.state


def _make(options: argparse.Namespace, run: Run) -> StyleGanTrainer:
    """The trainer that the command line asks for; an existing state's layout is taken over.

    Raises:
        ValueError: The resolution is not that of the state or of the checkpoint.
    """
    layout, start = layout_of(options.resolution, options.widest), None
    stored = options.out / "state.json"
    if stored.exists():
        layout = read_layout(stored)
    elif options.start:
        layout, start = starting_point(options.start)
    if layout.resolution != options.resolution:
        raise ValueError(f"expected --resolution {layout.resolution}, as the generator has, not {options.resolution}")
    settings = Settings(options.out, options.batch, options.gamma, not options.plain, run.device, options.seed)
    return StyleGanTrainer(settings, open_pictures(options.data, options.resolution), layout, start, run.ranks)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of pictures, or pool of export/dataset.py")
    parser.add_argument("--out", type=Path, required=True, help="state folder; resumed when it holds a state")
    parser.add_argument("--budget", type=float, required=True, metavar="SECONDS", help="time to train")
    parser.add_argument(
        "--resolution", type=int, default=256, choices=(32, 64, 128, 256, 512, 1024), help="default 256"
    )
    parser.add_argument("--batch", type=int, default=16, help="pictures a step (default 16)")
    parser.add_argument("--widest", type=int, default=512, metavar="CHANNELS", help="most a layer has (default 512)")
    parser.add_argument("--from", type=Path, dest="start", metavar="STATE_OR_CHECKPOINT", help="fine-tune this one")
    parser.add_argument("--gamma", type=float, help="γ of R1 (default 0.0002 · resolution² / batch)")
    parser.add_argument("--plain", action="store_true", help="no augmentation: for many thousands of pictures")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1 … (default cpu)")
    parser.add_argument("--seed", type=int, default=0, help="of everything that is drawn (default 0)")
    parser.add_argument("--save-every", type=float, default=300.0, metavar="SECONDS", help="default 300")
    return parser


def main(arguments: list[str] | None = None) -> None:
    """Train from the command line."""
    options = _parser().parse_args(arguments)
    if options.gamma is None:
        options.gamma = 2e-4 * options.resolution**2 / options.batch
    keep_freed_memory()
    with open_run(Path(__file__).name, arguments, options) as run:
        torch.manual_seed(options.seed)
        train(_make(options, run), run, options.save_every)


if __name__ == "__main__":
    main()
