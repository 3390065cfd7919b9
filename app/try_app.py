"""Tries the app's folder: all that `trial.py` asks, with a portrait that is tuned, in a child process with torch.

python app/try_app.py out/app/puppet
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from trial import Trial


def main() -> None:
    """Try it, and say how large it is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("app", type=Path, help="the folder that PyInstaller made")
    app = parser.parse_args().app.resolve()
    inside = app / "_internal"
    program = app / ("puppet.exe" if sys.platform == "win32" else "puppet")
    with tempfile.TemporaryDirectory() as folder:
        Trial(program, Path(folder)).all(inside / "puppet" / "examples", "photo")
    size = sum(path.stat().st_size for path in app.rglob("*") if path.is_file() and not path.is_symlink())
    print(f"{app}: {size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
