import struct
import time

import av
import numpy as np
import pytest

from puppet.camera import Camera
from puppet.errors import CameraError
from puppet.file_camera import FileCamera


def frames_of(path, **options):
    camera = FileCamera(path, **{"real_time": False, "fps": 30.0, **options})
    assert isinstance(camera, Camera)
    width, height = camera.size_wh
    got = []
    while (frame := camera.read(np.empty((height, width, 3), np.uint8))) is not None:
        got.append(frame)
    camera.close()
    camera.close()
    return camera, got


def test_every_frame_comes_with_its_time(faceless_clip):
    camera, frames = frames_of(faceless_clip)
    assert camera.size_wh == (96, 64) and camera.rate == 30
    assert [frame.moment.index for frame in frames] == list(range(12))
    np.testing.assert_allclose([frame.moment.time_s for frame in frames], np.arange(12) / 30, atol=1e-6)
    assert all(frame.moment.due_s <= time.perf_counter() for frame in frames)


def test_colours_are_rgb_and_frames_are_written_where_asked(faceless_clip):
    with av.open(str(faceless_clip)) as container:
        wanted = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    _, frames = frames_of(faceless_clip)
    for frame, rgb in zip(frames, wanted, strict=True):
        np.testing.assert_allclose(frame.rgb, rgb, atol=2)


def test_in_real_time_frames_are_due_one_after_the_other(faceless_clip):
    _, frames = frames_of(faceless_clip, real_time=True)
    np.testing.assert_allclose(np.diff([frame.moment.due_s for frame in frames]), 1 / 30, atol=1e-6)


@pytest.mark.parametrize(("fps", "count"), [(60.0, 12), (30.0, 12), (15.0, 6), (10.0, 4), (1.0, 1)])
def test_in_real_time_there_are_at_most_fps(faceless_clip, fps, count):
    _, frames = frames_of(faceless_clip, real_time=True, fps=fps)
    assert len(frames) == count
    assert [frame.moment.index for frame in frames] == list(range(count))


@pytest.mark.parametrize(
    ("matrix", "turn"),
    [((0, 1, 0, -1, 0, 0), 3), ((-1, 0, 0, 0, -1, 0), 2), ((0, -1, 0, 1, 0, 0), 1)],
    ids=["clockwise", "upside down", "counterclockwise"],
)
def test_a_phones_clip_is_turned_upright(faceless_clip, tmp_path, matrix, turn):
    content = bytearray(faceless_clip.read_bytes())
    place = content.index(b"tkhd") + 4 + 4 + 20 + 16
    content[place : place + 24] = struct.pack(">6i", *(value << 16 for value in matrix))
    (tmp_path / "turned.mp4").write_bytes(content)
    _, plain = frames_of(faceless_clip)
    camera, turned = frames_of(tmp_path / "turned.mp4")
    assert camera.size_wh == (turned[0].rgb.shape[1], turned[0].rgb.shape[0])
    np.testing.assert_array_equal(turned[3].rgb, np.rot90(plain[3].rgb, turn))


def test_frames_whose_size_changes_keep_the_first_size(tmp_path):
    parts = []
    for i, size_wh in enumerate([(96, 64), (160, 120)]):
        with av.open(str(tmp_path / f"{i}.ts"), "w") as container:
            stream = container.add_stream("libx264", 30)
            stream.width, stream.height, stream.pix_fmt = *size_wh, "yuv420p"
            for _ in range(5):
                rgb = np.full((size_wh[1], size_wh[0], 3), 60 + 90 * i, np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
            container.mux(stream.encode())
        parts.append((tmp_path / f"{i}.ts").read_bytes())
    (tmp_path / "both.ts").write_bytes(b"".join(parts))
    camera, frames = frames_of(tmp_path / "both.ts")
    assert camera.size_wh == (96, 64) and len(frames) == 10
    assert [int(frame.rgb.mean().round(-1)) for frame in (frames[0], frames[-1])] == [60, 150]


def sound_only(path):
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("aac", 44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def frameless(path):
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", 30)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        container.start_encoding()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "there is no video file"),
        (lambda path: path.mkdir(), "there is no video file"),
        (lambda path: path.write_bytes(b""), "not a video"),
        (lambda path: path.write_text("hello " * 99), "not a video"),
        (sound_only, "no video stream"),
        (frameless, "no frames|not a video|no video stream"),
    ],
    ids=["missing", "folder", "empty", "text", "sound only", "no frames"],
)
def test_what_is_no_video_is_refused_in_one_sentence(tmp_path, make, words):
    make(tmp_path / "clip.mp4")
    with pytest.raises(CameraError, match=words) as caught:
        FileCamera(tmp_path / "clip.mp4", real_time=False, fps=30.0)
    assert "clip.mp4" in str(caught.value) and "\n" not in str(caught.value)


def test_a_title_in_another_encoding_is_no_obstacle(latin_clip):
    with pytest.raises(UnicodeDecodeError), av.open(str(latin_clip)):
        pass
    assert len(frames_of(latin_clip)[1]) == 12


def test_a_truncated_clip_is_refused_or_ends_early(faceless_clip, tmp_path):
    content = faceless_clip.read_bytes()
    for length in range(100, len(content), 997):
        (tmp_path / "cut.mp4").write_bytes(content[:length])
        try:
            _, frames = frames_of(tmp_path / "cut.mp4")
        except CameraError:
            continue
        assert len(frames) <= 12
