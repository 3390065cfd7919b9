"""Teaches the generator to paint the pool's heads: z and p in, the rendered picture out (supervised).

    python export/train_generator.py --data pool --out state --budget 3600 --resolution 64 --batch 32

Trained coarse to fine: 32, then 64, then 128 px, by calling it again with a higher --resolution on the same --out.
The folder then holds `generator.safetensors` and `averaged.safetensors` (float16, enough to resume), `state.json`,
`optimiser.pt` (float32 weights and Adam's moments; optional, so that an interruption loses nothing), `gates.jsonl`
(scores on held-out identities) and `sheets/` (pictures to look at).

On a CPU that other programs use too, set OMP_NUM_THREADS below the number of free cores: threads that wait for one
another at every layer lose far more than a core when one of them is held up.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from export.dataset import HeadPool
from export.generator_trainer import POSES, GeneratorTrainer, Settings
from export.losses import LossTerms
from export.render_heads import Z_DIM
from export.training import Budget, Every, TrainingError, check_finite, means_line
from puppet.networks.layout import builtin_layout
from puppet.networks.speed import keep_freed_memory
from puppet.pose_space import BUILTIN

REPORT_S = 10.0
REFRESH_S = 60.0


class Progress:
    """Prints where the training is, with means since the last line.

    Args:
        first_picture: Pictures seen when the run began.
    """

    def __init__(self, first_picture: int) -> None:
        self._first_picture = first_picture
        self._batches = 0
        self._terms: list[LossTerms] = []
        self._since_s = time.monotonic()

    def add(self, terms: LossTerms) -> None:
        """Note a step."""
        self._terms.append(terms)
        self._batches += 1

    def report(self, trainer: GeneratorTrainer) -> None:
        """Print a line.

        Raises:
            TrainingError: The loss is not finite any more.
        """
        values = [terms.values() for terms in self._terms]
        if not values:
            return
        now = time.monotonic()
        speed = len(values) * trainer.settings.batch / (now - self._since_s)
        text = means_line({name: [value[name] for value in values] for name in values[0]})
        print(
            f"{trainer.settings.resolution} px  step {trainer.stage_steps}  pictures {trainer.pictures}  "
            f"{speed:.1f}/s  pool {len(trainer.pool)}  {text}",
            flush=True,
        )
        losses = [[value["total"] for value in values]]
        if trainer.sharpener:
            noted = trainer.sharpener.take()
            print(f"  sharpening step {trainer.sharpener.steps}  {means_line(noted)}", flush=True)
            losses.append(noted["discriminator"])
        for each in losses:
            check_finite(each, self._batches, self._first_picture)
        self._terms.clear()
        self._since_s = now


def train(trainer: GeneratorTrainer, budget: Budget) -> None:
    """Step until the budget ends, reporting, scoring and saving on the way and at the end.

    Raises:
        TrainingError: The loss is not finite any more, or sharpening makes the eyes worse; nothing bad was saved.
    """
    progress, settings = Progress(trainer.pictures), trainer.settings
    report, refresh, save = Every(REPORT_S), Every(REFRESH_S), Every(settings.save_every_s)
    if trainer.sharpener and not trainer.sharpener.steps:
        _score(trainer)
    while budget.running:
        progress.add(trainer.step(budget.elapsed_s / settings.budget_s if settings.cooldown else 0.0))
        if report.due():
            progress.report(trainer)
        if refresh.due():
            trainer.pool.refresh()
        if save.due():
            progress.report(trainer)
            _score(trainer)
            trainer.save()
    progress.report(trainer)
    _score(trainer)
    trainer.save()


def _score(trainer: GeneratorTrainer) -> None:
    gates = trainer.evaluate()
    print("gates", gates, flush=True)
    if trainer.sharpener:
        trainer.sharpener.watch(gates["eyes_psnr"])


def _parse(arguments: list[str] | None) -> tuple[Path, Settings]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="pool folder written by export/dataset.py")
    parser.add_argument("--out", type=Path, required=True, help="state folder; resumed when it holds a state")
    parser.add_argument("--budget", type=float, required=True, metavar="SECONDS", help="time to train")
    parser.add_argument("--resolution", type=int, default=128, choices=(32, 64, 128), help="stage (default 128)")
    parser.add_argument("--batch", type=int, default=None, help="pictures a step (default 32, at 128 px 16)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1 … (default cpu)")
    parser.add_argument("--save-every", type=float, default=300.0, metavar="SECONDS", help="default 300")
    parser.add_argument("--cooldown", action="store_true", help="let the rate fall to 0 over this run")
    parser.add_argument("--compile", action="store_true", help="torch.compile the synthesis (needs a C++ compiler)")
    parser.add_argument("--adversarial", action="store_true", help="sharpen: discriminators join in, at --resolution")
    options = parser.parse_args(arguments)
    batch = options.batch or (16 if options.resolution == 128 else 32)
    if batch % POSES:
        parser.error(f"--batch must be a multiple of {POSES}, not {batch}")
    settings = Settings(
        options.out, options.budget, options.resolution, batch, options.device, options.save_every,
        options.cooldown, options.compile, options.adversarial,
    )  # fmt: skip
    return options.data, settings


def main(arguments: list[str] | None = None) -> None:
    """Train from the command line."""
    data, settings = _parse(arguments)
    settings.out.mkdir(parents=True, exist_ok=True)
    keep_freed_memory()
    trainer = GeneratorTrainer(settings, HeadPool(data), builtin_layout(Z_DIM, BUILTIN.dim))
    budget = Budget(settings.budget_s)
    budget.catch_signals()
    try:
        train(trainer, budget)
    except TrainingError as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
