"""What only OpenVINO does."""

import subprocess
import sys

import pytest

PROGRAM = """
import os, signal, sys
from pathlib import Path
from engines.openvino_engine import OpenVinoEngine

signal.signal(signal.SIGTERM, lambda number, frame: None)
first, second = (OpenVinoEngine(Path(sys.argv[1])) for _ in range(2))
first.close()
del first
second.close()
del second
os.kill(os.getpid(), signal.SIGTERM)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="signal stacks are POSIX")
def test_a_signal_after_closing_does_not_kill_the_process(model) -> None:
    command = [sys.executable, "-c", PROGRAM, str(model.path)]
    done = subprocess.run(command, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr.decode()
