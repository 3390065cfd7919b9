"""What only OpenVINO does."""

import os
import subprocess
import sys
from contextlib import closing

import pytest

from engines.openvino_engine import OpenVinoEngine

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


TALKATIVE = """
import os, sys
from pathlib import Path
from engines.openvino_engine import OpenVinoEngine

sys.addaudithook(lambda event, _: event in ("os.fork", "socket.connect", "socket.getaddrinfo") and print(event))
OpenVinoEngine(Path(sys.argv[1])).close()
"""


def test_nobody_is_told_that_it_is_used(model, tmp_path) -> None:
    command = [sys.executable, "-c", TALKATIVE, str(model.path)]
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "TF_BUILD", "JENKINS_URL")}
    home = tmp_path / "home"
    home.mkdir()
    environment |= {"HOME": str(home), "LOCALAPPDATA": str(home)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=True)
    assert not done.stdout and not list(home.iterdir())


@pytest.mark.parametrize("threads", [1, 2])
def test_no_thread_is_tied_to_a_core(model, threads) -> None:
    with closing(OpenVinoEngine(model.path, threads=threads)) as engine:
        assert engine._request is not None
        assert engine._request.get_compiled_model().get_property("ENABLE_CPU_PINNING") is False
