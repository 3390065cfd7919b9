"""Builds the wheel and the source archive, and tries the wheel in an environment of its own: `make package`.

That environment borrows the packages of the Python that runs this, which saves gigabytes and needs no network; puppet
itself comes from the wheel alone. With --fresh everything is fetched anew, as a user's pip does.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from trial import Trial

ROOT = Path(__file__).parents[1]


def build(out: Path) -> Path:
    """Both archives, anew; the wheel."""
    shutil.rmtree(out, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "hatchling", "build", "--directory", str(out)], cwd=ROOT, check=True)
    (wheel,) = out.glob("*.whl")
    return wheel


def install(wheel: Path, folder: Path, *, fresh: bool) -> tuple[Path, Path]:
    """Make an environment with the wheel in it.

    Args:
        wheel: Of puppet.
        folder: Does not exist yet.
        fresh: Its dependencies are installed too, instead of borrowed.

    Returns:
        The program, and the folder with puppet's modules.
    """
    venv.create(folder, with_pip=True)
    (site,) = folder.rglob("site-packages")
    if not fresh:
        borrowed = [path for path in sys.path if Path(path).name == "site-packages"]
        (site / "borrowed.pth").write_text("\n".join(borrowed), encoding="utf-8")
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    words = [] if fresh else ["--no-deps", "--no-index"]
    subprocess.run([str(programs / "python"), "-m", "pip", "install", "--quiet", *words, str(wheel)], check=True)
    return programs / "puppet", site / "puppet"


def main() -> None:
    """Build, install, try."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/dist"), help="for the archives (default: %(default)s)")
    parser.add_argument("--fresh", action="store_true", help="fetch the dependencies: 3 GB, some minutes")
    options = parser.parse_args()
    wheel = build(options.out.resolve())
    with tempfile.TemporaryDirectory() as temporary:
        program, modules = install(wheel, Path(temporary) / "environment", fresh=options.fresh)
        Trial(program, Path(temporary)).all(modules / "examples", "avatar")
    for path in sorted(wheel.parent.iterdir()):
        print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
