import subprocess
import sys

import pytest

from puppet.lock import Lock


def test_who_comes_second_gets_none_until_it_is_released(tmp_path):
    first = Lock.take(tmp_path / "locks", "/dev/video9")
    assert Lock.take(tmp_path / "locks", "/dev/video9") is None
    assert Lock.any_taken(tmp_path / "locks")
    other = Lock.take(tmp_path / "locks", "OBS Virtual Camera")
    other.release()
    first.release()
    first.release()
    assert not Lock.any_taken(tmp_path / "locks")
    Lock.take(tmp_path / "locks", "/dev/video9").release()


def test_it_holds_against_another_process_and_ends_with_it(tmp_path):
    script = (
        "import sys, pathlib; from puppet.lock import Lock\n"
        "lock = Lock.take(pathlib.Path(sys.argv[1]), 'thing'); print(lock is not None, flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "True\n"
        assert Lock.take(tmp_path, "thing") is None
        process.kill()
    Lock.take(tmp_path, "thing").release()


def test_a_place_that_cannot_be_written_is_an_os_error(tmp_path):
    (tmp_path / "file").write_text("")
    assert not Lock.any_taken(tmp_path / "absent")
    with pytest.raises(OSError):
        Lock.take(tmp_path / "file", "thing")
