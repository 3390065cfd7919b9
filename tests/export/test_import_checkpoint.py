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
from full_disk import disk
from safetensors.torch import save_file

from engines import open_engine
from export import import_checkpoint
from export.authors_graphs import PicturePose, with_truncation
from export.authors_keys import from_rosinality
from export.authors_pose import VOXCELEB
from export.checkpoints import read_deca, read_e4e
from export.distill_crop_pose import main as distil
from export.generator_state import load_trained_generator
from export.import_checkpoint import main
from export.train_directions import main as learn
from export.training import save_weights, write_json
from puppet.bundle import GENERATOR, load_bundle
from puppet.cli import main as puppet
from puppet.directions import Directions
from puppet.errors import BundleError
from puppet.inversion import invert, open_tuner
from puppet.networks.shape_regressor import ShapeRegressor
from puppet.networks.stylegan2 import Generator
from puppet.networks.truncation import truncate
from puppet.pose_space import BUILTIN
from puppet.rest import pose_free_code, rest_code
from puppet.settings import DirectionsSettings
from puppet.tuning import VIEWS
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
    assert bundle.tuning == "paper", "the authors' preset needs 256 px"


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


def test_its_generator_is_tuned_by_the_preset_that_the_bundle_names(bundle, tmp_path):
    pictures = torch.full((1, 8, 8, 3), 200, dtype=torch.uint8)
    save_file({"w": torch.zeros(1, 4, 512), "pictures": pictures, "weights": torch.ones(1, 8, 8)}, tmp_path / VIEWS)
    tuner = open_tuner(bundle, tmp_path, bundle.tuning)
    tuner.steps = 3
    invert(bundle, tuner, tmp_path, lambda share, left_s: None)
    before, after = bundle.generator_path.read_bytes(), (tmp_path / GENERATOR).read_bytes()
    assert len(after) == len(before) and after != before


def test_a_state_has_the_rows_that_a_pose_moves(tmp_path):
    big = tmp_path / "g.pt"
    torch.save({"g_ema": g_ema(layout(64, (8, 8, 8, 4, 4)))}, big)
    assert main(["--stylegan", str(big), "--state", str(tmp_path / "state")]) == 0
    trained = load_trained_generator(tmp_path / "state", torch.device("cpu"))
    assert (trained.generator.layout.num_ws, trained.generator.layout.pose_rows) == (10, 8)
    assert torch.isfinite(trained.paint(torch.zeros(1, 10, 512), 64)).all()


@pytest.fixture(scope="module")
def trained(files, data_folder, tmp_path_factory):
    """Directions that were learned for the generator alone."""
    folder = tmp_path_factory.mktemp("training")
    state, net3d, out = (folder / name for name in ("state", "net3d", "out"))
    assert main(["--stylegan", str(files.stylegan), "--state", str(state)]) == 0
    save_weights(ShapeRegressor(32, 40, BUILTIN.dim), net3d / "averaged.safetensors")
    write_json(net3d / "state.json", {"network": "shape_regressor", "resolution": 32, "modes": 40, "pictures": 7})
    words = ["--generator", state, "--net3d", net3d, "--shape-model", data_folder / "ict_facekit", "--out", out]
    words += ["--budget", "60", "--iterations", "2", "--batch", "4", "--rate", "0.1", "--bias"]
    learn([str(word) for word in words])
    return out / "directions.safetensors"


def test_directions_that_were_trained_here_need_no_deca(
    files, trained, bundle, portrait, short_clip, tmp_path, monkeypatch
):
    def again(path, layout, folder):
        shutil.copyfile(bundle.encoder_path, folder / "encoder.onnx")

    monkeypatch.setattr(import_checkpoint, "export_encoder", again)  # of the same file for the same layout, as above
    out, words = tmp_path / "ffhq", ["--stylegan", files.stylegan, "--e4e", files.e4e, "--directions", trained]
    words = [str(word) for word in [*words, "--alexnet", files.alexnet, "--output", out]]
    code, text = said(main, [*words, "--deca", str(files.deca)])
    assert code == 1 and "leave --deca out" in text and not out.exists()
    assert main(words) == 0
    ffhq = load_bundle(out)
    assert ffhq.pose_space.names == BUILTIN.names and ffhq.squares is None and ffhq.codes_are_posed
    assert ffhq.A.any() and ffhq.bias.any() and "DECA" not in ffhq.licence
    assert ffhq.checked(ffhq.alexnet_path).is_file()
    assert stream(out, portrait, short_clip, tmp_path)["faces_lost"] == 0


def test_the_authors_directions_need_deca(files, tmp_path):
    words = arguments(files, tmp_path / "out")
    del words[words.index("--deca") : words.index("--deca") + 2]
    code, text = said(main, words)
    assert code == 1 and "give its file as --deca" in text


def test_whole_or_not_at_all(files, tmp_path):
    bad = tmp_path / "bad.pt"
    bad.write_bytes(files.e4e.read_bytes()[:1000])
    out = tmp_path / "out"
    words = arguments(files, out)
    words[words.index(str(files.e4e))] = str(bad)
    code, text = said(main, words)
    assert code == 1 and "Traceback" not in text and len(text.strip().splitlines()) == 1 and str(bad) in text
    assert not out.exists() and sorted(tmp_path.iterdir()) == [bad]


@pytest.mark.parametrize("place", ["--output", "--state"])
def test_a_full_disk_is_said_and_leaves_nothing(files, tmp_path, place, monkeypatch):
    words = arguments(files, tmp_path / "out")
    if place == "--state":
        words = [words[0], words[1], "--state", str(tmp_path / "out")]
    with disk(1 << 16):
        code, text = said(main, words)
    assert code == 1 and "out cannot be written (" in text and len(text.strip().splitlines()) == 1
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--output", "x"], "needs --e4e and --directions"),
        (["--state", "x", "--e4e", "y"], "--state takes the generator alone"),
        (["--state", "x", "--output", "y"], "not allowed with"),
    ],
)
def test_options_that_do_not_go_together(more, says, capsys):
    with pytest.raises(SystemExit):
        main(["--stylegan", "g.pt", *more])
    assert says in capsys.readouterr().err


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
