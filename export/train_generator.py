"""Teaches the generator to paint the pool's heads: z and p in, the rendered picture out (supervised).

    python export/train_generator.py --data pool --out state --budget 3600 --resolution 64 --batch 32

Trained coarse to fine: 32, then 64, 128 and 256 px, by calling it again with a higher --resolution on the same --out.
The folder then holds `generator.safetensors` and `averaged.safetensors` (float16, enough to resume), `state.json`,
`optimiser.pt` (float32 weights and the optimisers' moments; optional, so that an interruption loses nothing),
`gates.jsonl` (scores on held-out identities), `sheets/` (pictures to look at), and what `export/run_folder.py` says.

On a CPU that other programs use too, set OMP_NUM_THREADS below the number of free cores: threads that wait for one
another at every layer lose far more than a core when one of them is held up.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import torch

from export.generator_trainer import POSES, GeneratorTrainer, Settings
from export.head_pool import HeadPool, refresh
from export.progress import Progress, steps
from export.render_heads import Z_DIM
from export.run_folder import Run, open_run
from puppet.networks.layout import builtin_layout
from puppet.networks.speed import keep_freed_memory
from puppet.pose_space import BUILTIN

BATCHES: Mapping[int, int] = MappingProxyType({32: 32, 64: 32, 128: 16, 256: 8})
"""Stages, and pictures of a step."""


def train(trainer: GeneratorTrainer, run: Run) -> None:
    """Step until the budget ends, reporting, scoring and saving on the way and at the end.

    Raises:
        TrainingError: A loss is not finite any more, or sharpening makes the eyes worse; nothing bad was saved.
        OSError: The disk is full; the last save is intact.
    """
    settings = trainer.settings
    with Progress(run, trainer.pictures, settings.batch) as progress:
        if trainer.sharpener and not trainer.sharpener.steps:
            run.ranks.alone(lambda: _score(trainer, progress))
        for due in steps(run, settings.save_every_s):
            terms = trainer.step(settings.rate(due.elapsed_s))
            progress.add(terms.values() | (trainer.sharpener.take() if trainer.sharpener else {}))
            if due.report or due.save:
                progress.report(trainer.pictures, _where(trainer))
            if due.refresh:
                refresh(trainer.pool, run.ranks)
            if due.save:
                run.ranks.alone(lambda: _keep(trainer, progress))
        progress.report(trainer.pictures, _where(trainer))
        run.ranks.alone(lambda: _keep(trainer, progress))


def _where(trainer: GeneratorTrainer) -> str:
    sharpened = f"sharpening step {trainer.sharpener.steps}  " if trainer.sharpener else ""
    stage = f"{trainer.settings.resolution} px  pool {len(trainer.pool)}  step {trainer.stage_steps}"
    return f"{stage}  {sharpened}"


def _keep(trainer: GeneratorTrainer, progress: Progress) -> None:
    _score(trainer, progress)
    trainer.save()


def _score(trainer: GeneratorTrainer, progress: Progress) -> None:
    gates, sheet = trainer.evaluate()
    progress.say(f"gates {gates}")
    progress.events({f"gates/{name}": value for name, value in gates.items()}, trainer.pictures)
    progress.sheet(sheet, trainer.pictures)
    if trainer.sharpener:
        trainer.sharpener.watch(gates["eyes_psnr"])


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="pool folder written by export/dataset.py")
    parser.add_argument("--out", type=Path, required=True, help="state folder; resumed when it holds a state")
    parser.add_argument("--budget", type=float, required=True, metavar="SECONDS", help="time to train")
    parser.add_argument("--resolution", type=int, default=256, choices=tuple(BATCHES), help="stage (default 256)")
    parser.add_argument("--batch", type=int, default=None, help="pictures a step (default 32; 16 at 128 px, 8 at 256)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1 … (default cpu)")
    parser.add_argument("--save-every", type=float, default=300.0, metavar="SECONDS", help="default 300")
    parser.add_argument(
        "--rates", type=float, nargs=2, default=(1.0, 1.0), metavar=("FIRST", "LAST"),
        help="shares of the usual rate, from one to the other over this run (default 1 1)",
    )  # fmt: skip
    parser.add_argument(
        "--cooldown", dest="rates", action="store_const", const=(1.0, 0.0), help="let the rate fall to 0: --rates 1 0"
    )
    parser.add_argument("--compile", action="store_true", help="torch.compile the synthesis (needs a C++ compiler)")
    parser.add_argument("--adversarial", action="store_true", help="sharpen: discriminators join in, at --resolution")
    parser.add_argument("--seed", type=int, default=0, help="of new weights and of the order of pictures (default 0)")
    options = parser.parse_args(arguments)
    options.batch = options.batch or BATCHES[options.resolution]
    if options.batch % POSES:
        parser.error(f"--batch must be a multiple of {POSES}, not {options.batch}")
    if not 0 <= min(options.rates) <= max(options.rates) <= 1:
        parser.error(f"--rates must be from 0 to 1, not {options.rates[0]:g} and {options.rates[1]:g}")
    return options


def main(arguments: list[str] | None = None) -> None:
    """Train from the command line."""
    options = _parse(arguments)
    keep_freed_memory()
    with open_run(Path(__file__).name, arguments, options) as run:
        torch.manual_seed(options.seed)
        settings = Settings(
            options.out, options.budget, options.resolution, options.batch, run.device, options.save_every,
            tuple(options.rates), options.compile, options.adversarial, options.seed,
        )  # fmt: skip
        pool, layout = HeadPool(options.data), builtin_layout(Z_DIM, BUILTIN.dim)
        train(GeneratorTrainer(settings, pool, layout, run.ranks), run)


if __name__ == "__main__":
    main()
