"""Trains StyleGAN2 on pictures alone, the paper's own way: from scratch, or from a released checkpoint.

    python export/train_stylegan.py --data pool --out state/stylegan --budget 3600 --resolution 32
    python export/train_stylegan.py --data voxceleb --out state/voxceleb --budget 360000 --from stylegan2-ffhq.pt

Non-saturating loss, R1, path length, style mixing, averaged weights, adaptive augmentation. The folder then holds
`averaged.safetensors` (what is used), `generator.safetensors`, `discriminator.safetensors`, `state.json`, `sheets/`
(pictures to look at) and `optimiser.pt` (optional, so that an interruption loses nothing).
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

from torch import Tensor, device

from export.checkpoint_error import CheckpointError
from export.checkpoints import read_generator
from export.generator_state import load_trained_generator
from export.picture_sources import open_pictures
from export.stylegan_trainer import Settings, StyleGanTrainer
from export.training import Budget, Every, TrainingError, check_finite, means_line
from puppet.networks.layout import GeneratorLayout, stylegan2_layout
from puppet.networks.speed import keep_freed_memory
from puppet.pose_space import BUILTIN

REPORT_S = 10.0


class Progress:
    """Prints where the training is, with means since the last line.

    Args:
        first_picture: Pictures seen when the run began.
    """

    def __init__(self, first_picture: int) -> None:
        self._first_picture = first_picture
        self._batches = 0
        self._noted: list[dict[str, float]] = []
        self._since_s = time.monotonic()

    def add(self, noted: dict[str, float]) -> None:
        """Note a step."""
        self._noted.append(noted)
        self._batches += 1

    def report(self, trainer: StyleGanTrainer, left_s: float) -> None:
        """Print a line.

        Raises:
            TrainingError: A loss is not finite any more.
        """
        if not self._noted:
            return
        now = time.monotonic()
        values: dict[str, list[float]] = {}
        for noted in self._noted:
            for name, value in noted.items():
                values.setdefault(name, []).append(value)
        speed = len(self._noted) * trainer.settings.batch / (now - self._since_s)
        print(
            f"pictures {trainer.pictures}  {speed:.1f}/s  {means_line(values)}  {max(left_s, 0):.0f} s left", flush=True
        )
        check_finite([sum(noted.values()) for noted in self._noted], self._batches, self._first_picture)
        self._noted.clear()
        self._since_s = now


def train(trainer: StyleGanTrainer, budget: Budget, seconds: float, save_every_s: float) -> None:
    """Step until the budget ends, reporting and saving on the way and at the end.

    Raises:
        TrainingError: A loss is not finite any more; nothing bad was saved.
    """
    progress = Progress(trainer.pictures)
    report, save = Every(REPORT_S), Every(save_every_s)
    while budget.running:
        progress.add(trainer.step())
        if report.due():
            progress.report(trainer, seconds - budget.elapsed_s)
        if save.due():
            progress.report(trainer, seconds - budget.elapsed_s)
            _keep(trainer)
    progress.report(trainer, seconds - budget.elapsed_s)
    _keep(trainer)


def _keep(trainer: StyleGanTrainer) -> None:
    trainer.save()
    print(f"sheet {trainer.write_sheet()}", flush=True)


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
        generator = load_trained_generator(path, device("cpu")).generator
        if generator.layout.img_channels != 3:
            raise ValueError(f"expected a generator of RGB pictures in {path}; it paints RGBA: choose another --from")
        return generator.layout, dict(generator.state_dict())
    weights = read_generator(path, BUILTIN.dim, None)
    return weights.layout, weights.state


def _make(options: argparse.Namespace) -> StyleGanTrainer:
    """The trainer that the command line asks for; an existing state's layout is taken over.

    Raises:
        ValueError: The resolution is not that of the state or of the checkpoint.
    """
    layout, start = layout_of(options.resolution, options.widest), None
    stored = options.out / "state.json"
    if stored.exists():
        layout = GeneratorLayout.from_json(json.loads(stored.read_text(encoding="utf-8"))["layout"])
    elif options.start:
        layout, start = starting_point(options.start)
    if layout.resolution != options.resolution:
        raise ValueError(f"expected --resolution {layout.resolution}, as the generator has, not {options.resolution}")
    gamma = options.gamma if options.gamma is not None else 2e-4 * options.resolution**2 / options.batch
    settings = Settings(options.out, options.batch, gamma, not options.plain, options.device)
    return StyleGanTrainer(settings, open_pictures(options.data, options.resolution), layout, start)


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
    parser.add_argument("--save-every", type=float, default=300.0, metavar="SECONDS", help="default 300")
    return parser


def main(arguments: list[str] | None = None) -> None:
    """Train from the command line."""
    options = _parser().parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    keep_freed_memory()
    budget = Budget(options.budget)
    budget.catch_signals()
    try:
        train(_make(options), budget, options.budget, options.save_every)
    except (TrainingError, CheckpointError, ValueError, FileNotFoundError) as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
