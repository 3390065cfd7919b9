"""A run without a window that begins with a quick avatar of a tiny generator."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from safetensors.torch import load_file

from puppet import headless
from puppet.avatar import Avatar
from puppet.bundle import GENERATOR, Bundle
from puppet.errors import AvatarError
from puppet.gallery import characters
from puppet.headless import MEANWHILE, STILL_TUNING, TUNED, TUNED_LATE, Stream
from puppet.inversion import with_weights
from puppet.looped import write_looped
from puppet.parts import Parts, open_camera
from puppet.progress_line import ProgressLine
from puppet.remote import key_of, obey
from puppet.settings import CameraSettings, CompositorSettings, Settings
from puppet.sinks import NullSink, VideoSink
from puppet.state import Condition
from puppet.tuning import Progress, Tuning
from puppet.values import Picture, PoseVector
from puppet.views import Views

SIZE_WH = (128, 128)


@pytest.fixture
def settings(stylegan_folder: Path, portrait: Path, clip: Path, tmp_path: Path) -> Settings:
    return Settings(
        portrait,
        camera=CameraSettings(str(clip)),
        bundle=stylegan_folder,
        data_dir=tmp_path,
        headless=True,
        look="photo",
        compositor=CompositorSettings(SIZE_WH),
    )


@pytest.fixture
def parts(settings: Settings) -> Iterator[Parts]:
    with closing(Parts(settings)) as parts:
        yield parts


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The sentences that the user reads."""
    sentences: list[str] = []

    class Listening(ProgressLine):
        def say(self, sentence: str) -> None:
            sentences.append(sentence)

    monkeypatch.setattr(headless, "ProgressLine", Listening)
    return sentences


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tuning of two seconds in this process, which makes the generator paint brighter."""

    def run(
        self: Tuning, bundle: Bundle, views: Views, folder: Path, tuning: str, tell: Callable[[Progress], None]
    ) -> Path:
        for share in (None, 0.2, 0.4, 0.6, 0.8):
            tell(Progress(share, None if share is None else 2 - 2 * share))
            time.sleep(0.5)
        brighter = {"to_rgbs.0.bias": load_file(bundle.generator_path)["synthesis.to_rgbs.0.bias"] + 1.0}
        (folder / GENERATOR).write_bytes(with_weights(bundle.generator_path, brighter))
        return folder / GENERATOR

    monkeypatch.setattr(Tuning, "run", run)


class Watching(NullSink):
    """Ends the run some pictures after the tuned avatar came."""

    def __init__(self, said: list[str]) -> None:
        self.said, self.quick, self.tuned = said, [], []
        self.stream: Stream | None = None
        self.open(SIZE_WH, Fraction(30))

    def send(self, picture: Picture) -> None:
        (self.tuned if TUNED in self.said else self.quick).append(picture.rgb.copy())
        if len(self.tuned) == 20 and self.stream is not None:
            self.stream.stop(signal.SIGINT, None)


def distance(picture: np.ndarray, avatar: Avatar) -> float:
    shown = cv2.resize(picture, avatar.preview.shape[1::-1], interpolation=cv2.INTER_AREA)
    return float(np.abs(shown.astype(int) - avatar.preview).mean())


def test_a_quick_avatar_is_streamed_until_the_tuned_one_is_there(
    settings: Settings, parts: Parts, said, brief: None, clip: Path, tmp_path: Path
) -> None:
    long = tmp_path / "long.mkv"
    write_looped(clip, 200.0, long)
    sink = Watching(said)
    with closing(open_camera(replace(settings.camera, source=str(long)), 30.0)) as camera:
        sink.stream = Stream(settings, parts, camera, [sink])
        status, resources = sink.stream.run()
    assert [sentence for sentence in said if sentence in (MEANWHILE, TUNED)] == [MEANWHILE, TUNED]
    assert len(sink.quick) > 10 and status.pictures_out >= len(sink.quick) + 20 and resources.wall_s > 1
    quick = parts.enrolment().avatar_of(settings.source)
    tuned = parts.enrolment().avatar_of(settings.source, "photo")
    assert tuned.look == "photo"
    assert distance(sink.quick[5], quick) < distance(sink.quick[5], tuned)
    assert distance(sink.tuned[-1], tuned) < distance(sink.tuned[-1], quick)


def test_a_video_that_is_over_before_does_not_end_the_tuning(
    settings: Settings, parts: Parts, said, brief: None
) -> None:
    sink = Watching(said)
    with closing(open_camera(settings.camera, 30.0)) as camera:
        status, _ = Stream(settings, parts, camera, [sink]).run()
    assert said[-1] == TUNED_LATE and status.frames_in == 50
    assert [path.name[-6:] for path in parts.avatars.iterdir()] == ["-photo"]


def test_a_video_of_every_frame_waits_for_the_tuned_avatar(settings: Settings, parts: Parts, said, brief: None) -> None:
    settings = replace(settings, camera=replace(settings.camera, every_frame=True))
    sink = Watching(said)
    with closing(open_camera(settings.camera, 30.0)) as camera:
        Stream(settings, parts, camera, [sink]).run()
    assert MEANWHILE not in said and len(sink.quick) == 50
    tuned = parts.enrolment().avatar_of(settings.source, "photo")
    quick = parts.enrolment().avatar_of(settings.source)
    assert distance(sink.quick[0], tuned) < distance(sink.quick[0], quick)


def test_a_tuning_that_fails_does_not_end_the_stream(
    settings: Settings, parts: Parts, said, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(self: Tuning, *given: object) -> Path:
        raise AvatarError("the portrait cannot be tuned")

    monkeypatch.setattr(Tuning, "run", fail)
    film = VideoSink(tmp_path / "out.mp4")
    film.open(SIZE_WH, Fraction(30))
    with closing(open_camera(settings.camera, 30.0)) as camera, pytest.raises(AvatarError, match="cannot be tuned"):
        Stream(settings, parts, camera, [film]).run()
    assert said[-1] == "the portrait cannot be tuned"
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert len(list(container.decode(video=0))) > 20


def test_other_programs_control_the_stream_and_choose_an_avatar_when_it_is_tuned(
    settings: Settings, parts: Parts, said, brief: None, clip: Path, tmp_path: Path
) -> None:
    write_looped(clip, 200.0, long := tmp_path / "long.mkv")
    keys, answers, heard = [], [], []

    class Asking(Watching):
        def send(self, picture: Picture) -> None:
            super().send(picture)
            if self.remote is not None and len(self.quick) == 5 and not self.tuned:
                keys.append(self.remote.state().avatar)
                answers.append(json.loads(obey(self.remote, '{"do": "use", "avatar": "Iris"}')))
            if self.remote is not None and len(self.tuned) == 15:
                keys.append(self.remote.state().avatar)
                answers.append(json.loads(obey(self.remote, '{"do": "use", "avatar": "Iris"}')))
                keys.append(self.remote.state().avatar)

    class Ear:
        def hear(self, p: PoseVector, condition: Condition) -> None:
            heard.append(p.moment.index)

    sink = Asking(said)
    sink.remote = None
    with closing(open_camera(replace(settings.camera, source=str(long)), 30.0)) as camera:
        sink.stream = Stream(settings, parts, camera, [sink], [Ear()], lambda remote: setattr(sink, "remote", remote))
        status, _ = sink.stream.run()
    sha256 = parts.enrolment().avatar_of(settings.source).portrait_sha256
    iris = next(entry for entry in characters() if entry.name == "Iris")
    assert keys == [f"{sha256} avatar", f"{sha256} photo", key_of(iris)]
    assert answers == [{"ok": False, "error": STILL_TUNING}, {"ok": True}]
    assert len(heard) >= status.pictures_out > 20
    assert iris.portrait_sha256 in (tmp_path / "last.json").read_text()


@pytest.mark.skipif(os.name != "posix", reason="no such signals")
def test_ctrl_c_ends_stream_and_tuning_at_once(
    stylegan_folder: Path, portrait: Path, data_folder: Path, tmp_path: Path
) -> None:
    words = [
        "--source", str(portrait), "--look", "photo", "--camera", str(data_folder / "real" / "driving_d9.mp4"),
        "--headless", "--output", str(tmp_path / "out.mp4"), "--bundle", str(stylegan_folder),
        "--data-dir", str(tmp_path), "--size", "320x180",
    ]  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "puppet", *words],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    lines = []
    while " s left" not in (line := process.stderr.readline()):
        assert line, lines
        lines.append(line)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert any(MEANWHILE in line for line in lines)
    assert "frames in" in out and (tmp_path / "out.mp4").is_file()
    assert list((tmp_path / "avatars").iterdir()) == []
    assert not (tmp_path / "last.json").exists()
