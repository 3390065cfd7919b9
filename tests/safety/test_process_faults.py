"""What may happen to the program as a whole."""

import os
import signal
import subprocess
import sys
import threading

import pytest
from memory_driver import wait_for
from taint import SIZE_WH

from puppet.errors import AvatarError
from puppet.settings import CompositorSettings, Settings, SinkSettings
from ui.live_session import LiveSession


@pytest.mark.skipif(os.name != "posix", reason="no such signals")
def test_sigterm_during_start_up_ends_in_one_sentence_and_leaves_nothing(
    bundle_folder, portrait, faceless_clip, memory_cameras, tmp_path
):
    command = [
        sys.executable, "-m", "puppet", "--source", str(portrait), "--look", "avatar",
        "--headless", "--output", str(tmp_path / "a.mp4"),
        "--output", "virtual-camera", "--camera", str(faceless_clip), "--bundle", str(bundle_folder),
        "--data-dir", str(tmp_path / "data"),
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        wait_for(lambda: list(tmp_path.glob("a.*.part.mp4")) or process.poll() is not None, 60)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 1 and out == ""
    assert err.splitlines()[-1] == "puppet: interrupted; nothing was kept" and "Traceback" not in err
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
    assert not any(device.is_open for device in memory_cameras)


def tuned_session(stylegan_folder, tmp_path):
    settings = Settings(
        bundle=stylegan_folder,
        data_dir=tmp_path,
        compositor=CompositorSettings(SIZE_WH),
        sinks=SinkSettings(virtual_camera="no"),
        look="avatar",
    )
    session = LiveSession(settings)
    session.open()
    session.use_avatar(session.avatars()[0].key)
    return session


def child_of(session):
    enrolment = session._enrolment._enrolment
    return None if enrolment is None else enrolment._tuning._child


def test_an_enrolment_whose_child_is_killed_is_one_sentence_and_the_session_goes_on(
    stylegan_folder, portrait, tmp_path
):
    session = tuned_session(stylegan_folder, tmp_path)

    def kill(news):
        if (child := child_of(session)) is not None:
            os.kill(child.pid, signal.SIGKILL)

    with pytest.raises(AvatarError, match=r"^the portrait cannot be tuned \(.*\); try again, or --look avatar$"):
        session.enrol(portrait, "photo", kill)
    assert not list((tmp_path / "avatars").glob(".tuning*"))
    session.use_avatar(session.avatars()[1].key)
    session.close()


def test_a_session_that_is_closed_while_a_portrait_is_tuned_leaves_no_child_and_no_files(
    stylegan_folder, portrait, tmp_path
):
    session = tuned_session(stylegan_folder, tmp_path)
    answers = []
    enrolling = threading.Thread(target=lambda: answers.append(session.enrol(portrait, "photo", lambda progress: None)))
    enrolling.start()
    wait_for(lambda: child_of(session) is not None, 60)
    child = child_of(session)
    session.cancel()  # as the window does when it is closed
    enrolling.join(30)
    session.close()
    assert answers == [None] and not child.running
    assert not list((tmp_path / "avatars").glob(".tuning*"))
