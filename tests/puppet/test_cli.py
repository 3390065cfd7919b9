import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from puppet.cli import main
from puppet.devices import Device
from puppet.preflight import LIMITS
from puppet.slate import draw_slate
from puppet.verify import verify
from puppet.watermark_detector import look
from puppet.webcam import Webcam


@pytest.fixture
def run(bundle_folder, portrait, clip, tmp_path, capfd):
    """Runs the program headless with every frame; options replace those of the same name."""

    def run(*flags, **options):
        given = {
            "source": portrait, "look": "avatar", "camera": clip, "bundle": bundle_folder,
            "data_dir": tmp_path / "data",
        } | options  # fmt: skip
        words = [word for name, value in given.items() for word in (f"--{name.replace('_', '-')}", str(value))]
        code = main([*words, "--headless", "--size", "320x180", *flags])
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return run


def decoded(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def test_a_clip_moves_a_portrait_into_a_video_and_a_report(run, tmp_path):
    code, out, _ = run("--every-frame", output=tmp_path / "out.mp4", report=tmp_path / "r.json")
    assert code == 0
    assert out.startswith("50 frames in, 50 pictures out")
    pictures = decoded(tmp_path / "out.mp4")
    assert len(pictures) == 50 and pictures[0].shape == (180, 320, 3)
    assert (verify(tmp_path / "out.mp4").marked, verify(tmp_path / "out.mp4").states) == (True, True)
    assert np.abs(pictures[40].astype(int) - pictures[0])[:, 70:250].max() > 10
    values = json.loads((tmp_path / "r.json").read_text())
    assert (values["frames_in"], values["frames_out"], values["dropped"], values["faces_lost"]) == (50, 50, 0, 0)
    assert values["states"] == {"live": 50, "holding": 0, "resting": 0, "slate": 0}
    assert [change["state"] for change in values["changes"]] == ["slate", "live", "slate"]
    assert set(values["stages"]) == {"camera", "tracker", "pose", "directions", "synthesis", "compositor"}
    assert {path.name for path in tmp_path.iterdir()} == {"out.mp4", "r.json", "data"}


def test_without_a_backdrop_a_mov_file_has_the_matte_and_an_mp4_file_shows_grey(run, tmp_path):
    clear, grey = tmp_path / "a.mov", tmp_path / "b.mp4"
    code, out, _ = run("--every-frame", "--output", str(clear), backdrop="transparent", mark="never", output=grey)
    assert code == 0 and "50 pictures out" in out
    with av.open(str(clear)) as container:
        frames = [frame.to_ndarray(format="rgba").astype(float) for frame in container.decode(video=0)]
    shown = decoded(grey)
    assert len(frames) == len(shown) == 50
    alphas = np.stack(frames)[..., 3]
    assert alphas[:, :, :60].max() == 0 and np.abs(alphas - alphas[0]).max() > 10  # it moves with the head
    assert (np.abs(shown[40][:, :60].astype(int) - 128) <= 3).all()
    assert verify(clear).states and verify(grey).marked


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_every_engine_and_absolute_motion(run, engine):
    code, out, _ = run("--every-frame", "--motion", "absolute", engine=engine)
    assert code == 0 and "50 pictures out" in out


def test_in_real_time_it_takes_the_clips_time(run, tmp_path):
    code, _, _ = run(report=tmp_path / "r.json")
    assert code == 0
    values = json.loads((tmp_path / "r.json").read_text())
    assert values["frames_in"] == 50 and values["elapsed_s"] > 1.5
    assert values["sinks"][0]["latency"]["p95_ms"] > 0


def test_dry_run_prints_the_settings_and_does_nothing(run, tmp_path):
    code, out, _ = run("--dry-run", source="absent.png", output=tmp_path / "out.mp4")
    assert code == 0 and json.loads(out)["compositor"]["size_wh"] == [320, 180]
    assert list(tmp_path.iterdir()) == []


def test_cameras_are_listed(capsys, monkeypatch):
    names = ["Integrated Camera", "OBS Virtual Camera", "Logitech BRIO"]
    devices = [Device(i, name, None, 0) for i, name in enumerate(names)]
    monkeypatch.setattr("puppet.cli.list_devices", lambda: devices)
    assert main(["--list-cameras"]) == 0
    assert capsys.readouterr().out == "0  Integrated Camera\n2  Logitech BRIO\n"
    monkeypatch.setattr("puppet.cli.list_devices", list)
    assert main(["--list-cameras"]) == 0
    assert capsys.readouterr().out == "no camera was found\n"


def test_a_webcam_moves_a_portrait_into_the_virtual_camera(run, clip, portrait, tmp_path, monkeypatch, memory_cameras):
    """The whole live path without hardware: a capture that is unplugged at its end and plugged in again."""
    captures = []

    def plug_in(device, wanted, fps):
        captures.append(device)
        return cv2.VideoCapture(str(clip))

    class PacedWebcam(Webcam):
        def __init__(self, device, wanted, fps):
            super().__init__(device, wanted, fps, devices=lambda: [device], opener=plug_in)

        def read(self, out):
            if len(captures) > 2:
                os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)
            return super().read(out)

    monkeypatch.setattr("puppet.webcam.RETRY_S", 0.2)
    monkeypatch.setattr("puppet.parts.list_devices", lambda: [Device(0, "Integrated Camera", None, 0)])
    monkeypatch.setattr("puppet.parts.Webcam", PacedWebcam)
    code, _, err = run("--mirror-motion", camera="integrated", output="virtual-camera", report=tmp_path / "r.json")
    assert code == 0, err
    (device,) = memory_cameras
    assert len(device.frames) > 20 and not device.is_open
    slate, *frames, last = device.frames
    assert np.array_equal(slate, draw_slate((320, 180)))
    assert np.array_equal(last, draw_slate((320, 180), portrait.stem))
    assert max(np.abs(frame.astype(int) - frames[0])[:, 70:250].max() for frame in frames) > 10
    for frame in device.frames:  # each carries the mark, the slate too
        assert look(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)).found
    values = json.loads((tmp_path / "r.json").read_text())
    assert values["frames_in"] > 50 and values["sinks"][0]["name"] == "virtual camera /dev/memory0"
    assert values["sinks"][0]["latency"]["p95_ms"] > 0
    log = (tmp_path / "data" / "logs" / "puppet.log").read_text()
    assert "camera 0 (Integrated Camera) is away" in log and "camera 0 (Integrated Camera) is back" in log


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 0, "no virtual camera can be opened"),
        (["--output", "virtual-camera"], 1, "no virtual camera can be opened"),
        (["--output", "virtual-camera:smoke"], 1, "no virtual-camera backend 'smoke'; choose one of memory"),
        (["--output", "none"], 0, ""),
    ],
    ids=["by default", "asked for", "unknown", "not wanted"],
)
def test_without_a_driver_only_who_asked_for_it_fails(run, faceful_second, memory_cameras, words, code, said):
    memory_cameras.plug(False)
    got, _, err = run(*words, camera=faceful_second)
    assert got == code
    assert (said in err) if said else ("virtual" not in err)


@pytest.fixture
def faceful_second(clip, tmp_path):
    """The first frames of the clip: a short run in real time."""
    write = tmp_path / "short.mp4"
    with av.open(str(clip)) as source, av.open(str(write), "w") as short:
        stream = short.add_stream("libx264", 30)
        stream.width, stream.height, stream.pix_fmt = 512, 480, "yuv420p"
        for frame, _ in zip(source.decode(video=0), range(6), strict=False):
            frame.pict_type = 0
            short.mux(stream.encode(frame))
        short.mux(stream.encode())
    return write


def test_enrol_says_where_the_avatar_is_and_it_is_used_without_a_source(bundle_folder, portrait, clip, tmp_path, capfd):
    common = ["--bundle", str(bundle_folder), "--data-dir", str(tmp_path)]
    assert main(["enrol", str(portrait), "--look", "avatar", *common]) == 0
    *table, empty, out = capfd.readouterr().out.splitlines()
    assert len(table) == len(LIMITS) and empty == ""
    assert all(row.startswith(("good", "usable", "poor", "not sure")) for row in table)
    assert out.startswith(f"{portrait} is enrolled: {tmp_path}")
    place, _, alike = out.partition(": ")[2].partition(" (")
    assert re.fullmatch(r"similarity -?0\.\d\d; strangers score about 0\.2\)", alike)
    stored = Path(place) / "avatar.safetensors"
    assert stored.is_file()
    written = stored.stat().st_mtime_ns
    assert main(["--camera", str(clip), "--every-frame", "--headless", "--size", "320x180", *common]) == 0
    assert stored.stat().st_mtime_ns == written
    assert len(list(tmp_path.glob("avatars/*"))) == 1


def test_enrol_films_the_avatar_again_and_again(bundle_folder, portrait, tmp_path, capfd):
    film = tmp_path / "me.mp4"
    common = ["--bundle", str(bundle_folder), "--data-dir", str(tmp_path)]
    words = ["enrol", str(portrait), "--preview", str(film), "--look", "avatar", *common]
    for lines in (len(LIMITS) + 2, 1):  # what is enrolled already has been scored already
        assert main(words) == 0
        assert len(capfd.readouterr().out.splitlines()) == lines
        pictures = decoded(film)
        assert (len(pictures), pictures[0].shape) == (90, (512, 512, 3))
        assert (verify(film).marked, verify(film).states) == (True, True)
        assert np.abs(pictures[12].astype(int) - pictures[0]).max() > 10
        film.unlink()
    assert main([*words[:3], str(tmp_path / "absent" / "me.mp4"), *words[4:]]) == 1


@pytest.mark.skipif(os.name != "posix", reason="folders of other systems have no such modes")
def test_a_data_folder_that_cannot_be_written_is_one_sentence(run, tmp_path):
    (tmp_path / "file").write_text("")
    code, out, err = run("--every-frame", data_dir=tmp_path / "file" / "data")
    assert code == 1 and out == ""
    assert err.splitlines()[-1].startswith("puppet: the avatar cannot be stored in") and "Traceback" not in err


def test_the_log_says_what_happened(run, tmp_path):
    run("--every-frame", camera=tmp_path / "absent.mp4")
    run("--every-frame")
    log = (tmp_path / "data" / "logs" / "puppet.log").read_text()
    assert "ERROR puppet.cli: there is no video file at" in log and "50 frames in, 50 pictures out" in log


def broken_bundle(folder, tmp_path):
    copy = tmp_path / "broken"
    shutil.copytree(folder, copy)
    content = bytearray((copy / "synthesis.onnx").read_bytes())
    content[100] ^= 1
    (copy / "synthesis.onnx").write_bytes(content)
    return copy


def truncated(path, tmp_path):
    (tmp_path / "cut.jpg").write_bytes(path.read_bytes()[:20_000])
    return tmp_path / "cut.jpg"


def faceless(tmp_path):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (99, 99, 3), dtype=np.uint8)).save(tmp_path / "wall.png")
    return tmp_path / "wall.png"


def text(tmp_path):
    (tmp_path / "text.mp4").write_text("not a video")
    return tmp_path / "text.mp4"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (lambda have: {"source": have.tmp / "absent.png"}, "there is no picture at"),
        (lambda have: {"source": truncated(have.portrait, have.tmp)}, "cut.jpg is damaged"),
        (lambda have: {"source": faceless(have.tmp)}, "wall.png shows no face"),
        (lambda have: {"camera": have.tmp / "absent.mp4"}, "there is no video file at"),
        (lambda have: {"camera": "no such camera"}, "there is no camera or video file 'no such camera'"),
        (lambda have: {"camera": text(have.tmp)}, "text.mp4 is not a video"),
        (lambda have: {"camera": have.faceless_clip}, "shows no face in any of its 12 frames"),
        (lambda have: {"output": have.tmp / "absent" / "out.mp4"}, "cannot be written"),
        (lambda have: {"report": have.tmp / "absent" / "r.json"}, "cannot be written"),
        (lambda have: {"bundle": broken_bundle(have.bundle, have.tmp)}, "synthesis.onnx is damaged"),
        (lambda have: {"bundle": have.tmp / "absent"}, "expected a model bundle in"),
        (lambda have: {"backdrop": "plaid"}, "the backdrop should be"),
    ],
    ids=["portrait missing", "portrait truncated", "portrait faceless", "clip missing", "camera missing",
         "clip no video", "clip faceless", "output", "report", "bundle damaged", "bundle missing", "backdrop"],
)  # fmt: skip
def test_bad_input_is_one_sentence_and_leaves_nothing(
    run, options, words, tmp_path, portrait, faceless_clip, bundle_folder
):
    class Have:
        pass

    have = Have()
    have.tmp, have.portrait, have.faceless_clip, have.bundle = tmp_path, portrait, faceless_clip, bundle_folder
    given = {"output": tmp_path / "out.mp4"} | options(have)
    before = set(tmp_path.rglob("*"))
    flags = [] if given.get("camera") == "no such camera" else ["--every-frame"]
    code, out, err = run(*flags, **given)
    sentence = err.splitlines()[-1]
    assert code == 1 and out == ""
    assert sentence.startswith("puppet: ") and words in sentence
    assert "Traceback" not in err
    left = {path.relative_to(tmp_path).parts[0] for path in set(tmp_path.rglob("*")) - before}
    assert left <= {"data"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_keeps_a_playable_video(number, bundle_folder, portrait, data_folder, tmp_path):
    output = tmp_path / "out.mp4"
    command = [
        sys.executable, "-m", "puppet", "--source", str(portrait), "--look", "avatar",
        "--headless", "--output", str(output),
        "--camera", str(data_folder / "real" / "driving_d9.mp4"), "--bundle", str(bundle_folder),
        "--data-dir", str(tmp_path / "data"),
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline_s = time.monotonic() + 120
        while not any(path.stat().st_size > 4000 for path in tmp_path.glob("*.part.mp4")):
            assert process.poll() is None and time.monotonic() < deadline_s, process.communicate()
            time.sleep(0.05)
        process.send_signal(number)
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "frames in" in out
    assert 0 < len(decoded(output)) < 587
    assert not list(tmp_path.glob("*.part*"))


def test_it_runs_without_what_only_others_need(bundle_folder, portrait, clip, tmp_path):
    script = (
        "import sys; from puppet.cli import main; code = main(sys.argv[1:]);"
        "unused = {'torch', 'PyQt6', 'tensorflow', 'pyvirtualcam', 'matplotlib', 'sounddevice', 'jax', 'scipy'};"
        "sys.exit(code or ', '.join(unused & {*sys.modules}) or 0)"
    )
    command = [
        sys.executable, "-c", script, "--source", str(portrait), "--look", "avatar",
        "--camera", str(clip), "--every-frame", "--headless",
        "--bundle", str(bundle_folder), "--data-dir", str(tmp_path), "--size", "320x180",
    ]  # fmt: skip
    assert subprocess.run(command, env=os.environ, check=False, timeout=240).returncode == 0


@pytest.mark.skipif(os.name != "posix", reason="no such signals")
def test_ctrl_c_ends_a_tuning_and_nothing_is_left(stylegan_folder, portrait, tmp_path):
    words = ["enrol", str(portrait), "--look", "photo", "--bundle", str(stylegan_folder), "--data-dir", str(tmp_path)]
    process = subprocess.Popen(
        [sys.executable, "-m", "puppet", *words],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    lines = []
    while "%" not in (line := process.stderr.readline()):
        assert line, lines
        lines.append(line)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1 and "is enrolled" not in out
    assert err.splitlines()[-1] == "puppet: interrupted; nothing was kept" and "Traceback" not in err
    assert list((tmp_path / "avatars").iterdir()) == []
    assert not (tmp_path / "last.json").exists()
