"""The program measured by itself, with a tiny bundle; no speed is asserted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from puppet.cli import main

STAGES = ["camera", "tracker", "pose", "directions", "synthesis", "compositor"]


@pytest.fixture
def words(bundle_folder: Path, portrait: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list:
    """A command line that measures for a fraction of a second; its temporary files lie in `tmp_path / 'tmp'`."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    given = {"source": portrait, "camera": clip, "bundle": bundle_folder, "data-dir": tmp_path / "data",
             "look": "avatar", "size": "160x90", "seconds": 0.6, "rounds": 1}  # fmt: skip
    return ["bench", *(word for name, value in given.items() for word in (f"--{name}", str(value)))]


@pytest.fixture
def every_core():
    """A runtime's threads choose cores by themselves: what they take is a share of all, not of this worker's one."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, range(os.cpu_count()))
    yield
    os.sched_setaffinity(0, own)


@pytest.mark.usefixtures("every_core")
def test_the_numbers_fit_together(words, tmp_path, capsys):
    assert main([*words, "--json", str(tmp_path / "bench.json")]) == 0
    values = json.loads((tmp_path / "bench.json").read_text())
    run = values["real_time"]
    assert (run["frames_in"], run["frames_out"] + run["dropped"]) == (18, 18)
    assert list(run["stages"]) == STAGES
    spans = [*run["stages"].values(), run["sinks"][0]["latency"]]
    assert all(0 < span["median_ms"] <= span["p95_ms"] for span in spans)
    resources = run["resources"]
    assert 0 < resources["cpu_share"] <= 1.0 and 50 < resources["steady_mb"] <= resources["peak_mb"]
    assert set(values["capacity_fps"]) == {"none", "mp4"}
    for series in values["capacity_fps"].values():
        assert series["median"] == series["runs"][0] > 0
    starts = values["first_picture_s"]
    assert len(starts["runs"]) == 2 and 0.1 < min(starts["runs"]) <= starts["median"] <= max(starts["runs"])
    assert values["bundle"] == "tiny 1" and set(values["engines"]) == {"pose", "synthesis"}
    out = capsys.readouterr().out
    assert values["hardware"] in out
    assert all(word in out for word in ("capacity into mp4", "capture to send", "first picture", "160 x 90", *STAGES))
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--source", "absent.png", "there is no picture at"),
        ("--camera", "absent.mp4", "absent.mp4 is not a video"),
        ("--json", "absent/bench.json", "the report absent/bench.json cannot be written"),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(words, tmp_path, capsys, option, value, said):
    assert main([*words, option, value]) == 1
    err = capsys.readouterr().err
    assert err.splitlines()[-1].startswith("puppet: ") and said in err.replace("\n", " ") and "Traceback" not in err
    assert list((tmp_path / "tmp").iterdir()) == []


def test_an_interrupt_leaves_neither_files_nor_processes(words, tmp_path):
    with subprocess.Popen(
        [sys.executable, "-m", "puppet", *words], env=os.environ, stderr=subprocess.PIPE, text=True
    ) as process:
        deadline_s = time.monotonic() + 60
        while not list((tmp_path / "tmp").rglob("puppet.log")):  # the first run has begun
            assert process.poll() is None and time.monotonic() < deadline_s
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "interrupted" in err and "Traceback" not in err
    assert list((tmp_path / "tmp").iterdir()) == []
