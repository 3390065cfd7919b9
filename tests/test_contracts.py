"""The import contracts fail when they are broken; a promise that nothing checks is none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("puppet", "engines", "export", "ui")
FRAMES = "no stage after pose can reach a camera frame"
WATCHDOG = "the watchdog has words, numbers and finished pictures"
DEVICE = "only the watchdog loads pyvirtualcam, by its licence"
ALONE = "the watchdog is a process, and nobody's module"


LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def lint(folder: Path) -> str:
    """What the linter says of the packages in a folder."""
    command = [sys.executable, "-c", LINT, "--no-cache"]
    environment = os.environ | {"PYTHONPATH": str(folder)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    return done.stdout + done.stderr


def not_python(folder: str, names: list[str]) -> list[str]:
    """Everything but code and folders."""
    return [name for name in names if "." in name and not name.endswith(".py")]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the code."""
    folder = tmp_path_factory.mktemp("tree")
    shutil.copy(ROOT / "pyproject.toml", folder)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=not_python)
    return folder


def test_they_are_kept(tree: Path) -> None:
    assert ", 0 broken" in lint(tree)


@pytest.mark.parametrize(
    ("module", "line", "broken"),
    [
        ("puppet/sinks.py", "import puppet.frame", FRAMES),
        ("puppet/outlet.py", "from puppet.tracker import Tracker", FRAMES),
        ("puppet/pipeline.py", "import puppet.frame", FRAMES),
        ("puppet/listening.py", "from puppet.pose import Driver", FRAMES),
        ("puppet/a_new_file.py", "import puppet.webcam", FRAMES),
        ("puppet/watchdog.py", "def later():\n    import cv2", WATCHDOG),
        ("puppet/mailbox.py", "import puppet.devices", WATCHDOG),
        ("puppet/sinks.py", "def later():\n    import pyvirtualcam", DEVICE),
        ("puppet/guard.py", "from puppet.watchdog import Watchdog", ALONE),
    ],
)  # fmt: skip
def test_a_bad_import_breaks_them(tree: Path, module: str, line: str, broken: str) -> None:
    path = tree / module
    before = path.read_text() if path.exists() else ""
    path.write_text(f"{before}\n{line}\n")
    try:
        said = lint(tree)
    finally:
        path.write_text(before)
    assert f"{broken} BROKEN" in said, said
