"""The command line that all trainers of `export.regression` have."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from export.regression import Settings
from export.run_folder import Run


def command_line(description: str | None, pool: str, batch: int) -> argparse.ArgumentParser:
    """The options that all trainers of this kind have.

    Args:
        description: The trainer's own text.
        pool: What the pool folder holds.
        batch: Usual pictures a step.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help=pool)
    parser.add_argument("--out", type=Path, required=True, help="state folder; resumed when it holds a state")
    parser.add_argument("--budget", type=float, required=True, metavar="SECONDS", help="time to train")
    parser.add_argument("--batch", type=int, default=batch, help="pictures a step (default: %(default)s)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1 … (default: %(default)s)")
    parser.add_argument(
        "--seed", type=int, default=0,
        help="another seed makes another network, such as a judge that is in no loss (default: %(default)s)",
    )  # fmt: skip
    return parser


def settings_of(options: argparse.Namespace, run: Run) -> Settings:
    """What `command_line` parsed, on the run's device; sets torch's seed, by which new weights are drawn."""
    torch.manual_seed(options.seed)
    return Settings(options.out, options.budget, options.batch, run.device, options.seed)
