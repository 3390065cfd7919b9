"""Makes a generator's training state from a bundle, so that training goes on where the shipped model stands.

    python export/start_state.py --bundle puppet/bundles/builtin --out state/generator

The bundle holds the averaged weights only: they become both the generator and its average, and Adam starts anew.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from export.training import write_atomic, write_json
from puppet.bundle import builtin_bundle_path, load_bundle

PICTURES = 200_000
"""Counted as seen, so that the average stays slow from the start."""


def start_state(bundle_folder: Path, out: Path) -> None:
    """Write the state folder `out`.

    Raises:
        BundleError: The bundle is damaged.
        FileExistsError: There is a state already.
    """
    bundle = load_bundle(bundle_folder)
    if (out / "state.json").exists():
        raise FileExistsError(f"{out} holds a state already; choose another --out folder")

    def copy(partial: Path) -> None:
        shutil.copyfile(bundle.generator_path, partial)

    for name in ("generator", "averaged"):
        write_atomic(out / f"{name}.safetensors", copy)
    state = {"layout": bundle.layout.to_json(), "pictures": PICTURES, "resolution": bundle.resolution}
    write_json(out / "state.json", state)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, default=builtin_bundle_path(), help="default: the shipped one")
    parser.add_argument("--out", type=Path, required=True, help="state folder for export/train_generator.py")
    options = parser.parse_args()
    start_state(options.bundle, options.out)
    print(f"{options.out}: ready for export/train_generator.py")


if __name__ == "__main__":
    main()
