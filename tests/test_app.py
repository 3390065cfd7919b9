from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from puppet.child import MODULE_WORD, Child, run_tool
from puppet.doctor.program import python_and_packages

ROOT = Path(__file__).parents[1]

APP = '#!/bin/sh\nexec {python} {start} "$@"\n'


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An executable that does what the app's does, and this process as it sees itself inside the app."""
    path = tmp_path / "puppet"
    path.write_text(APP.format(python=sys.executable, start=ROOT / "app" / "start.py"))
    path.chmod(0o755)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    monkeypatch.setattr(sys, "executable", str(path))
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    return path


@pytest.mark.skipif(sys.platform == "win32", reason="the executable is a shell script here")
def test_the_app_is_its_own_child(app: Path) -> None:
    child = Child("puppet.doctor.find_a_face")
    try:
        assert child.receive() == {"found": True}
    finally:
        child.end()


@pytest.mark.skipif(sys.platform == "win32", reason="the executable is a shell script here")
def test_a_child_of_the_app_gets_its_arguments(app: Path) -> None:
    child = Child("puppet.engine_child", "no.onnx", "openvino", str(app.parent))
    try:
        answer = child.receive()
        assert answer is not None and "no.onnx" in answer["error"]
    finally:
        child.end()


@pytest.mark.skipif(sys.platform == "win32", reason="the executable is a shell script here")
def test_any_other_first_word_is_the_program(app: Path) -> None:
    said = subprocess.run([str(app), "--version"], stdout=subprocess.PIPE, text=True, check=True)
    assert said.stdout.startswith("puppet 0")


@pytest.mark.parametrize(("module", "found"), [("puppet.watchdog", True), ("puppet.inversion", False)])
def test_only_the_watchdog_finds_the_folder_of_the_virtual_camera(
    module: str, found: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = runpy.run_path(str(ROOT / "app" / "start.py"))
    monkeypatch.setattr(sys, "argv", ["puppet", MODULE_WORD, module])
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(runpy, "run_module", lambda *given, **named: None)
    assert names["start"]() == 0
    assert (str(names["CAMERA"]) in sys.path) is found


def test_in_the_app_nobody_is_told_to_install_with_pip(app: Path) -> None:
    assert python_and_packages(["abacus"]).mend == "unpack the app anew"


@pytest.mark.parametrize("before", [None, "/usr/own"])
def test_tools_of_the_system_do_not_get_the_libraries_of_the_app(
    app: Path, before: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", "/app/_internal")
    if before is not None:
        monkeypatch.setenv("LD_LIBRARY_PATH_ORIG", before)
    script = f"import os; assert os.environ.get('LD_LIBRARY_PATH') == {before!r}, os.environ['LD_LIBRARY_PATH']"
    assert run_tool([sys.orig_argv[0], "-c", script], 30.0) == ""


@pytest.mark.skipif(sys.platform == "win32", reason="the executable is a shell script here")
def test_a_child_of_the_app_that_breaks_leaves_its_own_words(app: Path) -> None:
    app.write_text("#!/bin/sh\necho 'RuntimeError: no such thing' >&2\necho '[PYI-7:ERROR] Failed to execute' >&2\n")
    child = Child("puppet.inversion")
    assert child.receive() is None
    assert child.end() == "RuntimeError: no such thing"
