"""Trains the matrices that Tables 2 to 5 compare, each for the same number of steps.

    python export/ablations.py --steps 150 --budget 600 --out matrices -- --data pool --generator state --net3d net3d \
        --encoder encoder --identity identity --shape-model FOLDER --rate 2e-2 --cooldown

What follows `--` goes to export/train_directions.py. The paired matrix starts from the mixed one, as the paper's does.
A second call goes on with what is not finished.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from export.train_directions import trained

SYNTHETIC, MIXED, PAIRED = "synthetic", "mixed", "paired"
NO_LIKENESS, NO_DISTANCES = "without-identity-and-perceptual", "without-eye-and-mouth"

VARIANTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        SYNTHETIC: (),
        NO_LIKENESS: ("--weight-identity", "0", "--weight-perceptual", "0"),
        NO_DISTANCES: ("--weight-eye", "0", "--weight-mouth", "0"),
        MIXED: ("--mode", MIXED),
        PAIRED: ("--mode", PAIRED),
    }
)
"""What each is trained with, by the name of its folder."""


def main(arguments: list[str] | None = None) -> None:
    """Train from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the five state folders")
    parser.add_argument("--steps", type=int, default=20_000, help="of each (default: %(default)s)")
    parser.add_argument("--budget", type=float, required=True, metavar="SECONDS", help="for each, at most")
    parser.add_argument("--only", choices=tuple(VARIANTS), nargs="+", default=tuple(VARIANTS), help="default: all")
    parser.add_argument("rest", nargs="+", metavar="-- OPTIONS", help="of export/train_directions.py")
    options = parser.parse_args(arguments)
    always = [*options.rest, "--iterations", str(options.steps), "--budget", str(options.budget)]
    for name in options.only:
        start = ["--start", str(options.out / MIXED)] if name == PAIRED else []
        print(f"{name}:", flush=True)
        with trained([*always, *VARIANTS[name], *start, "--out", str(options.out / name)]) as (*_, run):
            stopped = run.budget.stopped
        if stopped:
            break


if __name__ == "__main__":
    main()
