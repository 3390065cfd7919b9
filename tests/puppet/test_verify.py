import io
import json
from fractions import Fraction
from xml.etree import ElementTree

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from puppet.cli import main
from puppet.errors import VerifyError
from puppet.growing_file import FRAGMENTED
from puppet.provenance import SOURCE_TYPE, STATEMENT, png_statement
from puppet.sinks import VideoSink
from puppet.values import Moment, Picture
from puppet.verify import verify
from puppet.watermark import Watermark

SIZE_WH = (640, 360)
RATE = 5
BITS = 42_000
"""A second: as many for each pixel as 1 Mbit/s gives at 1280 × 720 and 30 pictures a second."""


@pytest.fixture(scope="module")
def still(data_folder):
    """A photograph, of the videos' size."""
    rgb = np.array(Image.open(data_folder / "real" / "source_s9.jpg").convert("RGB"))
    height = rgb.shape[1] * 9 // 16
    return cv2.resize(rgb[:height], SIZE_WH, interpolation=cv2.INTER_AREA)


@pytest.fixture(scope="module")
def film(still):
    """Ten seconds of a photograph in which a disc wanders; marked or not."""

    def pictures(marked):
        watermark = Watermark(still)
        for i in range(10 * RATE):
            rgb = still.copy()
            cv2.circle(rgb, (60 + 10 * i, 180), 70, (200, 60 + i, 90), -1)
            if marked:
                watermark.put(rgb)
            yield rgb

    return pictures


def encode(path, pictures, *, size_wh=SIZE_WH, bits=None, kind="mp4", codec="libx264"):
    """As a call or an editor would write it: no statement."""
    with av.open(str(path), "w", format=kind) as container:
        stream = container.add_stream(codec, RATE)
        stream.width, stream.height, stream.pix_fmt = *size_wh, "yuv420p"
        if bits is not None:
            stream.bit_rate = bits
            stream.options = {"preset": "veryfast", "maxrate": str(bits), "bufsize": str(bits)}
        for i, rgb in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def send(path, pictures):
    """As the program writes it."""
    sink = VideoSink(path)
    sink.open(SIZE_WH, Fraction(RATE))
    for i, rgb in enumerate(pictures):
        sink.send(Picture(rgb, Moment(i, i / RATE, 0.0)))
    return sink


def test_a_video_of_ours_is_recognised_whole_and_killed(film, tmp_path):
    sink = send(tmp_path / "a.mp4", film(True))
    (part,) = tmp_path.glob("a.*.part.mp4")
    killed = tmp_path / "killed.mp4"
    killed.write_bytes(part.read_bytes())
    sink.close()
    for path in (tmp_path / "a.mp4", killed):
        verdict = verify(path)
        assert verdict.marked and verdict.states and not verdict.evidence.mirrored
        assert (verdict.stretches, verdict.marked_stretches) == (1, 1)


def test_a_video_without_the_mark_is_not_recognised_whatever_it_says(film, tmp_path):
    send(tmp_path / "a.mp4", film(False)).close()
    verdict = verify(tmp_path / "a.mp4")
    assert not verdict.marked and verdict.states
    assert not verify(encode(tmp_path / "b.mp4", film(False))).states


def test_coded_halved_and_mirrored_it_is_still_recognised(film, tmp_path):
    encode(tmp_path / "call.mp4", film(True), bits=BITS)
    with av.open(str(tmp_path / "call.mp4")) as container:
        seen = [
            cv2.resize(frame.to_ndarray(format="rgb24"), (320, 180), interpolation=cv2.INTER_AREA)[:, ::-1]
            for frame in container.decode(video=0)
        ]
    verdict = verify(encode(tmp_path / "tile.mkv", seen, size_wh=(320, 180), bits=BITS, kind="matroska"))
    assert verdict.marked and verdict.evidence.mirrored and not verdict.states
    assert "(mirrored), in 1 of 1 stretches of ten seconds. They agree" in str(verdict)


def test_a_transparent_video_is_recognised_by_what_is_seen_whatever_it_is_laid_on(still, tmp_path):
    alpha = np.zeros(SIZE_WH[::-1], np.uint8)
    cv2.ellipse(alpha, (320, 200), (150, 210), 0, 0, 360, 255, -1)
    alpha = cv2.blur(alpha, (9, 9))
    share = alpha[..., None] / 255
    rgba = np.dstack([np.round(128 + share * (still.astype(float) - 128)).astype(np.uint8), alpha])
    plain = rgba.copy()
    Watermark(rgba).put(rgba)
    assert not np.array_equal(rgba, plain)
    send(tmp_path / "a.mov", [rgba] * RATE).close()
    send(tmp_path / "b.mov", [plain] * RATE).close()
    assert verify(tmp_path / "a.mov").marked and not verify(tmp_path / "b.mov").marked
    with av.open(str(tmp_path / "a.mov")) as container:
        out = next(container.decode(video=0)).to_ndarray(format="rgba").astype(float)
    for level in (0, 255):
        laid = share * out[..., :3] + (1 - share) * level
        Image.fromarray(laid.round().astype(np.uint8)).save(tmp_path / "laid.png")
        assert verify(tmp_path / "laid.png").marked


def test_what_was_cut_together_counts_by_its_marked_part(film, tmp_path):
    verdict = verify(encode(tmp_path / "a.mp4", [*film(False), *film(True)]))
    assert verdict.marked and (verdict.stretches, verdict.marked_stretches) == (2, 1)
    assert verdict.evidence.trials == 2 * verify(encode(tmp_path / "b.mp4", film(True))).evidence.trials


@pytest.mark.parametrize(("name", "how"), [("a.png", {}), ("a.jpg", {"quality": 80}), ("a.webp", {}), ("a.gif", {})])
def test_pictures_are_recognised_in_every_format(film, tmp_path, name, how):
    for marked in (True, False):
        Image.fromarray(next(film(marked))).save(tmp_path / name, **how)
        verdict = verify(tmp_path / name)
        assert verdict.marked == marked and not verdict.states
    assert str(verdict).startswith(f"not found: nothing shows that {tmp_path / name} was made by puppet")


def test_the_statement_is_read_wherever_it_stands(still, tmp_path):
    picture = Image.fromarray(still)
    picture.save(tmp_path / "a.png", pnginfo=png_statement())
    picture.save(tmp_path / "a.gif", comment=STATEMENT.encode())
    picture.save(tmp_path / "a.jpg", comment=STATEMENT.encode())
    picture.save(tmp_path / "a.webp", xmp=png_statement().chunks[0][1])
    assert all(verify(tmp_path / f"a.{kind}").states for kind in ("png", "gif", "jpg", "webp"))
    with Image.open(tmp_path / "a.png") as png:
        (description,) = ElementTree.fromstring(png.info["XML:com.adobe.xmp"].strip("\ufeff"))[0]
    (source_type,) = (value for name, value in description.attrib.items() if name.endswith("}DigitalSourceType"))
    assert source_type == SOURCE_TYPE


def test_the_command_says_it_and_ends_with_its_code(film, tmp_path, capsys):
    Image.fromarray(next(film(True))).save(tmp_path / "a.png", pnginfo=png_statement())
    Image.fromarray(next(film(False))).save(tmp_path / "b.png")
    assert main(["verify", str(tmp_path / "a.png")]) == 0
    said = capsys.readouterr().out
    assert f"marked: {tmp_path / 'a.png'} was made by puppet\nThe mark is in its pictures. They agree" in said
    assert said.endswith("Its metadata says that it is AI-generated.\n")
    assert main(["verify", str(tmp_path / "b.png"), "--json"]) == 1
    values = json.loads(capsys.readouterr().out)
    assert values["marked"] is False and values["states"] is False and values["stretches"] == 0
    assert values["evidence"]["z"] < values["evidence"]["needed"]


def damaged_video():
    content = io.BytesIO()
    with av.open(content, "w", format="mp4", options=FRAGMENTED) as container:
        stream = container.add_stream("libx264", 5)
        stream.width, stream.height, stream.pix_fmt = 64, 36, "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((36, 64, 3), np.uint8), format="rgb24")))
        container.mux(stream.encode())
    return content.getvalue()[:300]


def sound():
    content = io.BytesIO()
    with av.open(content, "w", format="matroska") as container:
        stream = container.add_stream("pcm_s16le", 8000)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return content.getvalue()


@pytest.fixture(scope="module")
def originals(still, tmp_path_factory):
    """Small files of every kind, with the statement."""
    folder = tmp_path_factory.mktemp("originals")
    small = Image.fromarray(still[:48, :64])
    small.save(folder / "a.png", pnginfo=png_statement())
    small.save(folder / "a.jpg", comment=STATEMENT.encode())
    small.save(folder / "a.webp")
    small.save(folder / "a.gif", comment=STATEMENT.encode())
    sink = VideoSink(folder / "a.mp4")
    sink.open((64, 48), Fraction(RATE))
    sink.send(Picture(np.ascontiguousarray(still[:48, :64]), Moment(0, 0.0, 0.0)))
    sink.close()
    return [path.read_bytes() for path in sorted(folder.iterdir())]


@settings(max_examples=150)
@given(data=st.data())
def test_a_damaged_file_is_judged_or_refused_in_a_sentence(originals, tmp_path_factory, data):
    content = bytearray(data.draw(st.sampled_from(originals)))
    for place, byte in data.draw(st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)))):
        content[place] = byte
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        assert not verify(path).marked
    except VerifyError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("absent.mp4", None, "cannot be read (No such file or directory); check the path"),
        ("notes.png", b"hello", "is neither a picture (PNG, JPEG, WebP, GIF) nor a video (mp4, mov, mkv, WebM)"),
        ("list.m3u8", b"#EXTM3U\nhttp://127.0.0.1/a.ts\n", "is neither a picture"),
        ("empty.png", b"", "is neither a picture"),
        ("cut.png", b"\x89PNG\r\n\x1a\n", "is not a PNG, JPEG or WebP picture"),
        ("cut.mp4", damaged_video(), "is damaged and cannot be read"),
        ("cut.gif", b"GIF89a", "is damaged and cannot be read"),
        ("sound.mkv", sound(), "has no pictures that can be decoded; give another video"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(tmp_path, capsys, name, content, sentence):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    assert main(["verify", str(path)]) == 2
    said = capsys.readouterr()
    assert said.err.startswith(f"puppet: {path} ") and sentence in said.err and said.err.count("\n") == 1
    assert said.out == ""
