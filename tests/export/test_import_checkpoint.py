"""From released files to a moving portrait: the whole way, with filled weights."""

import io
import json
import shutil
from contextlib import closing, redirect_stderr
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from authors_checkpoints import g_ema, layout, write_checkpoints
from conftest import write_clip

from engines import open_engine
from export.authors_graphs import PicturePose, with_truncation
from export.authors_keys import from_rosinality
from export.authors_pose import VOXCELEB
from export.checkpoints import read_deca, read_e4e
from export.distill_crop_pose import main as distil
from export.generator_state import load_trained_generator
from export.import_checkpoint import main
from puppet.bundle import load_bundle
from puppet.cli import main as puppet
from puppet.directions import Directions
from puppet.errors import BundleError
from puppet.networks.stylegan2 import Generator
from puppet.networks.truncation import truncate
from puppet.rest import pose_free_code, rest_code
from puppet.settings import DirectionsSettings
from puppet.values import Moment, PoseVector


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_checkpoints(tmp_path_factory.mktemp("checkpoints"))


def arguments(files, output, *more):
    named = {"--stylegan": files.stylegan, "--e4e": files.e4e, "--directions": files.directions, "--deca": files.deca}
    return [str(word) for pair in named.items() for word in pair] + ["--output", str(output), *more]


@pytest.fixture(scope="module")
def bundle(files, tmp_path_factory):
    out = tmp_path_factory.mktemp("bundles") / "voxceleb"
    assert main(arguments(files, out)) == 0
    return load_bundle(out)


def said(run, arguments):
    stderr = io.StringIO()
    with redirect_stderr(stderr):
        code = run(arguments)
    return code, stderr.getvalue()


def test_truncation_in_the_weights_is_truncation_of_the_codes():
    of = layout(16, (8, 8, 4))
    built_in, plain = (Generator(of).eval().requires_grad_(False) for _ in range(2))
    for generator in (built_in, plain):
        generator.load_state_dict(from_rosinality(g_ema(of), of), strict=False)
    ws, centre = torch.randn(2, of.num_ws, 512), torch.randn(512)
    with_truncation(built_in, centre, 0.7)
    wanted = plain.synthesis(truncate(ws, centre, 0.7))
    torch.testing.assert_close(built_in.synthesis(ws), wanted, rtol=1e-3, atol=1e-3)
    assert (plain.synthesis(ws) - wanted).abs().max() > 0.1


def test_the_bundle_says_what_it_is(bundle, files):
    assert bundle.pose_space.names == VOXCELEB.names and bundle.channels == 3
    assert "non-commercial" in bundle.licence and files.stylegan.name in bundle.origin
    assert bundle.A.shape == (4, 512, 15) and bundle.bias.shape == (4, 512)


def test_the_graphs_are_the_networks(bundle, files):
    rng = np.random.default_rng(0)
    face = rng.integers(0, 256, (1, 224, 224, 3), np.uint8)
    with closing(open_engine(bundle.pose_path, "onnxruntime")) as engine, torch.inference_mode():
        wanted = PicturePose(read_deca(files.deca), VOXCELEB)(torch.from_numpy(face)).numpy()
        np.testing.assert_allclose(engine.run({"picture": face})["p"], wanted, rtol=1e-2, atol=2e-2)
    picture = rng.integers(0, 256, (1, 8, 8, 3), np.uint8)
    signal = torch.nn.functional.interpolate(
        torch.from_numpy(picture).permute(0, 3, 1, 2) / 127.5 - 1, (256, 256), mode="bilinear"
    )
    with closing(open_engine(bundle.encoder_path, "onnxruntime")) as engine, torch.inference_mode():
        wanted = read_e4e(files.e4e, 4)(signal).numpy()
        np.testing.assert_allclose(engine.run({"picture": picture})["c"], wanted, rtol=2e-2, atol=2e-2)


def test_a_code_moves_as_in_the_authors_program(bundle):
    """w = w_s + A a (p_d − p_s) + b, and w_s + b where nothing moves."""
    space, rng = bundle.pose_space, np.random.default_rng(0)
    inner = 0.3 * (space.upper - space.lower)
    p_s, p_d = (np.asarray(rng.uniform(-1, 1, 15) * inner / 2, np.float32) for _ in range(2))
    w_s = rng.standard_normal((4, 512)).astype(np.float32)
    c = pose_free_code(bundle, w_s, p_s)
    np.testing.assert_allclose(rest_code(bundle, c, p_s), w_s + bundle.bias, rtol=1e-4, atol=1e-4)
    settings = DirectionsSettings("absolute")
    directions = Directions(bundle.A, bundle.bias, space, code=c, p_s=p_s, settings=settings)
    w = np.empty((4, 512), np.float32)
    directions.move(PoseVector(p_d, space.rest, 1.0, Moment(0, 0.0, 0.0)), out=w)
    change = 12 / (space.upper - space.lower) * (p_d - p_s)
    np.testing.assert_allclose(w, w_s + bundle.A @ change + bundle.bias, rtol=1e-3, atol=1e-3)


@pytest.fixture(scope="module")
def short_clip(data_folder, tmp_path_factory):
    path = tmp_path_factory.mktemp("clips") / "short.mp4"
    with av.open(str(data_folder / "real" / "driving_d9.mp4")) as container:
        frames = islice(container.decode(video=0), 0, 96, 12)
        write_clip(path, (frame.to_ndarray(format="rgb24") for frame in frames))
    return path


def stream(folder: Path, portrait: Path, clip: Path, tmp_path: Path) -> dict:
    words = [
        "--bundle",
        folder,
        "--source",
        portrait,
        "--look",
        "avatar",
        "--camera",
        clip,
        "--every-frame",
        "--headless",
    ]
    words += ["--motion", "absolute", "--size", "64x64", "--data-dir", tmp_path]
    words += ["--output", tmp_path / "x.mp4", "--report", tmp_path / "r.json"]
    assert puppet([str(word) for word in words]) == 0
    return json.loads((tmp_path / "r.json").read_text())


def test_a_portrait_is_moved_by_a_clip(bundle, portrait, short_clip, tmp_path):
    report = stream(bundle.folder, portrait, short_clip, tmp_path)
    assert report["frames_out"] == 8 and report["faces_lost"] == 0
    with av.open(str(tmp_path / "x.mp4")) as container:
        pictures = [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]
    assert len(pictures) == 8
    assert np.abs(pictures[-1] - pictures[0]).max() > 20, "nothing moves"


def test_a_student_learns_from_clips_without_labels(bundle, portrait, short_clip, tmp_path, capfd):
    out = tmp_path / "live"
    words = ["--bundle", bundle.folder, "--data", short_clip, portrait, "--output", out, "--budget", "6"]
    assert distil([str(word) for word in words]) == 0
    printed = capfd.readouterr().out
    assert all(f"| {name} |" in printed for name in bundle.pose_space.names)
    live = load_bundle(out)
    assert live.pose_path.stat().st_size < bundle.pose_path.stat().st_size / 10
    assert (live.A == bundle.A).all() and live.squares == bundle.squares and live.origin == bundle.origin
    assert stream(out, portrait, short_clip, tmp_path)["frames_out"] == 8


def test_a_state_for_training_directions(files, tmp_path, bundle):
    assert main(["--stylegan", str(files.stylegan), "--state", str(tmp_path / "state")]) == 1  # 4 rows are too few
    big = tmp_path / "g.pt"
    torch.save({"g_ema": g_ema(layout(32, (8, 8, 8, 4)))}, big)
    assert main(["--stylegan", str(big), "--state", str(tmp_path / "state")]) == 0
    trained = load_trained_generator(tmp_path / "state", torch.device("cpu"))
    assert trained.generator.layout.num_ws == 8
    assert torch.isfinite(trained.paint(torch.zeros(1, 8, 512), 32)).all()


def test_whole_or_not_at_all(files, tmp_path):
    bad = tmp_path / "bad.pt"
    bad.write_bytes(files.e4e.read_bytes()[:1000])
    out = tmp_path / "out"
    words = arguments(files, out)
    words[words.index(str(files.e4e))] = str(bad)
    code, text = said(main, words)
    assert code == 1 and "Traceback" not in text and len(text.strip().splitlines()) == 1 and str(bad) in text
    assert not out.exists() and sorted(tmp_path.iterdir()) == [bad]


def test_a_folder_of_something_else_is_left_alone(files, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "diary.txt").write_text("dear")
    code, text = said(main, arguments(files, tmp_path / "mine"))
    assert code == 1 and "holds no bundle" in text
    assert (tmp_path / "mine" / "diary.txt").read_text() == "dear"


def test_a_large_encoder_is_hashed_when_it_is_used(bundle, tmp_path):
    folder = shutil.copytree(bundle.folder, tmp_path / "copy")
    with (folder / "encoder.onnx").open("r+b") as file:
        file.seek(1000)
        file.write(b"changed")
    damaged = load_bundle(folder)
    with pytest.raises(BundleError, match="damaged"):
        damaged.checked(damaged.encoder_path)
    assert bundle.checked(bundle.encoder_path) == bundle.encoder_path
    with (folder / "pose.onnx").open("r+b") as file:
        file.write(b"changed")
    with pytest.raises(BundleError, match="damaged"):
        load_bundle(folder)
