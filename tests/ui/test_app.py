"""The whole program with its window, as a process."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from websockets.sync.client import connect

from puppet.api_token import api_token
from puppet.cli import main
from puppet.groups import PerGroup
from puppet.options import parse
from ui.app import remembered
from ui.memory import Choices, Memory
from ui.session import Plan, plan_of, with_plan


def test_what_is_remembered_are_options(tmp_path: Path) -> None:
    memory = Memory(tmp_path)
    choices = Choices(
        Plan("Desk", (640, 360), 24.0, (1280, 720), "raw"),
        "#101214",
        PerGroup(1.0, 1.0, 1.0, 1.0),
        True,
        "photo",
        "never",
    )
    memory.keep(choices)
    memory.write()
    settings = parse([], remembered(tmp_path)).settings
    assert (plan_of(settings), settings.compositor.backdrop) == (choices.plan, choices.backdrop)
    assert (settings.pose.mirrored, settings.look, settings.compositor.mark) == (True, "photo", "never")
    assert parse(["--look", "avatar"], remembered(tmp_path)).settings.look == "avatar"
    assert plan_of(with_plan(parse([]).settings, choices.plan)) == choices.plan
    assert parse([], remembered(tmp_path / "none")).settings == parse([]).settings


def test_the_window_drives_a_portrait_until_it_is_closed(
    bundle_folder: Path, portrait: Path, data_folder: Path, tmp_path: Path
) -> None:
    output, port = tmp_path / "out.mp4", _free_port()
    headers = {"Authorization": f"Bearer {api_token(tmp_path / 'data' / 'config')}"}
    script = (
        "import sys; from puppet.cli import main; code = main(sys.argv[1:]);"
        "sys.exit(code or any(name in sys.modules for name in ('torch', 'tensorflow')))"
    )
    command = [
        sys.executable, "-c", script, "--source", str(portrait), "--look", "avatar",
        "--bundle", str(bundle_folder), "--size", "320x180",
        "--camera", str(data_folder / "real" / "driving_d9.mp4"), "--output", str(output),
        "--data-dir", str(tmp_path / "data"), "--api", str(port),
    ]  # fmt: skip
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": os.environ | {"QT_QPA_PLATFORM": "offscreen"}}
    with subprocess.Popen(command, text=True, **pipes) as process:
        deadline_s = time.monotonic() + 120
        while not any(path.stat().st_size > 4000 for path in tmp_path.glob("*.part.mp4")):
            assert process.poll() is None and time.monotonic() < deadline_s, process.communicate()
            time.sleep(0.05)
        with connect(f"ws://127.0.0.1:{port}", additional_headers=headers, proxy=None) as connection:
            connection.send('{"do": "state"}')
            state = json.loads(connection.recv(30))["state"]
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    assert (state["phase"], state["shows"]) == ("running", "live")
    assert output.stat().st_size > 4000
    assert Memory(tmp_path / "data" / "config").recall().plan.size_wh == (320, 180)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a screen")
def test_no_screen_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    assert main(["--data-dir", str(tmp_path)]) == 1
    assert capsys.readouterr().err == (
        "puppet: there is no screen to open a window on; add --headless to run without one\n"
    )
