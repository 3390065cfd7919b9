"""Builds the wheel and the source archive, and tries the wheel in an environment of its own: `make package`.

That environment borrows the packages of the Python that runs this, which saves gigabytes and needs no network; puppet
itself comes from the wheel alone. With --fresh everything is fetched anew, as a user's pip does.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]

ANY_MACHINE = {"packages", "model", "engine", "face tracker", "data folder"}
"""What the doctor must find in order wherever a wheel is tried; a machine may have no camera and no screen."""


def build(out: Path) -> Path:
    """Both archives, anew; the wheel."""
    shutil.rmtree(out, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "hatchling", "build", "--directory", str(out)], cwd=ROOT, check=True)
    (wheel,) = out.glob("*.whl")
    return wheel


class Environment:
    """Where the wheel is installed, and nothing of this folder can be reached."""

    def __init__(self, folder: Path, wheel: Path, *, fresh: bool) -> None:
        """Make it, and install the wheel.

        Args:
            folder: Does not exist yet.
            wheel: Of puppet.
            fresh: Its dependencies are installed too, instead of borrowed.
        """
        venv.create(folder, with_pip=True)
        self._bin = folder / ("Scripts" if os.name == "nt" else "bin")
        self._folder = folder
        self._words = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        if not fresh:
            (site,) = folder.rglob("site-packages")
            borrowed = [path for path in sys.path if Path(path).name == "site-packages"]
            (site / "borrowed.pth").write_text("\n".join(borrowed), encoding="utf-8")
        self.run(
            "python", "-m", "pip", "install", "--quiet", *([] if fresh else ["--no-deps", "--no-index"]), str(wheel)
        )

    def run(self, program: str, *arguments: str, codes: tuple[int, ...] = (0,)) -> str:
        """What a program of it prints; ends everything where the exit code is another."""
        command = [str(self._bin / program), *arguments]
        done = subprocess.run(
            command, cwd=self._folder, env=self._words, stdout=subprocess.PIPE, text=True, check=False
        )
        if done.returncode not in codes:
            sys.exit(f"package: {' '.join(command)} ended with {done.returncode}\n{done.stdout}")
        return done.stdout


def check(there: Environment, folder: Path) -> None:
    """Ask the installed program for everything that it can do on any machine."""
    place = Path(there.run("python", "-c", "import puppet; print(puppet.__path__[0])").strip())
    if folder not in place.parents:
        sys.exit(f"package: puppet comes from {place}, not from the wheel")
    print(there.run("puppet", "--version").strip(), "in", place)
    there.run("puppet", "--help")
    if "GNU GENERAL PUBLIC LICENSE" not in there.run("puppet", "licences", "puppet"):
        sys.exit("package: puppet does not say its own licence")
    data = str(folder / "data")
    for finding in json.loads(there.run("puppet", "doctor", "--json", "--data-dir", data, codes=(0, 1)))["findings"]:
        print(f"{finding['state']:8} {finding['name']:16} {finding['says']}")
        if finding["state"] == "failure" and finding["name"] in ANY_MACHINE:
            sys.exit("package: the installed program is not whole")
    example, film, report = place / "examples", folder / "out.mp4", folder / "report.json"
    words = ["--source", str(example / "portrait.png"), "--look", "avatar", "--camera", str(example / "driver.mp4")]
    ways = ["--every-frame", "--headless", "--output", str(film), "--report", str(report), "--data-dir", data]
    print(there.run("puppet", *words, *ways).strip())
    if film.stat().st_size == 0:
        sys.exit("package: the video is empty")


def main() -> None:
    """Build, install, try."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/dist"), help="for the archives (default: %(default)s)")
    parser.add_argument("--fresh", action="store_true", help="fetch the dependencies: 3 GB, some minutes")
    options = parser.parse_args()
    wheel = build(options.out.resolve())
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary).resolve()
        check(Environment(folder / "venv", wheel, fresh=options.fresh), folder)
    for path in sorted(wheel.parent.iterdir()):
        print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
