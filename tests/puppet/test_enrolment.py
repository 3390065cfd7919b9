import hashlib
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from engines import open_engine
from puppet.avatar import avatar_path
from puppet.bundle import load_bundle
from puppet.bundle_tensors import Character
from puppet.enrolment import CROP_PX, Enrolment
from puppet.errors import AvatarError, Cancelled, PictureError, PortraitError
from puppet.preflight import TURNED, Verdict
from puppet.stills import read_still


@pytest.fixture
def bundle(bundle_folder):
    return load_bundle(bundle_folder)


@pytest.fixture
def enrol(bundle, tmp_path):
    """Enrols into a folder of its own; `enrol.opened` names the graphs that were needed."""
    opened = []

    def open_graph(path):
        opened.append(path.name)
        return open_engine(path, threads=1, precision="f32")

    enrolment = Enrolment(bundle, open_graph, tmp_path / "avatars")

    def enrol(path):
        return enrolment.avatar_of(path)

    enrol.opened = opened
    return enrol


def same(first, second):
    return all(
        np.array_equal(getattr(first, name), getattr(second, name)) for name in ("code", "p_s", "crop", "preview")
    )


def test_a_portrait_becomes_an_avatar_and_the_second_time_it_is_only_loaded(enrol, portrait, bundle):
    avatar = enrol(portrait)
    assert avatar.code.shape == (bundle.num_ws, bundle.w_dim)
    assert avatar.crop.shape == (CROP_PX, CROP_PX, 3)
    assert np.isfinite(avatar.p_s).all()
    assert avatar.preview.shape == (bundle.resolution, bundle.resolution, 3) and avatar.preview.std() > 5
    assert -1 <= avatar.likeness.similarity <= 1 and avatar.likeness.strangers == bundle.identity.strangers
    again = enrol(portrait)
    assert same(avatar, again)
    assert enrol.opened.count("encoder.onnx") == 1


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_portrait_that_lies_on_its_side_is_turned_and_that_is_said(bundle, portrait, tmp_path, quarters):
    Image.fromarray(np.rot90(read_still(portrait), quarters)).save(tmp_path / "lying.png")
    enrolment, told = Enrolment(bundle, open_engine, tmp_path / "avatars"), []
    lying, standing = (enrolment.avatar_of(path, tell=told.append) for path in (tmp_path / "lying.png", portrait))
    assert same(lying, standing)
    assert [TURNED in preflight.scores for preflight in told] == [True, False]


def test_a_new_portrait_is_scored_and_one_that_is_made_again_is_not(bundle, portrait, tmp_path, caplog):
    caplog.set_level("INFO")
    enrolment, told = Enrolment(bundle, open_engine, tmp_path), []
    avatar = enrolment.avatar_of(portrait, tell=told.append)
    (preflight,) = told
    assert {score.name: score.verdict for score in preflight.scores}["face size"] is Verdict.GOOD
    assert f"{portrait.stem}: {preflight.to_line()}" in caplog.text
    (avatar_path(tmp_path, avatar) / "preview.png").write_bytes(b"")
    assert enrolment.stored(avatar.portrait_sha256, tell=told.append) is not None
    assert len(told) == 1


def test_what_is_known_is_loaded_and_can_be_rehearsed(bundle, portrait, tmp_path):
    enrolment = Enrolment(bundle, open_engine, tmp_path)
    avatar = enrolment.avatar_of(portrait)
    assert same(avatar, enrolment.known(avatar.portrait_sha256, "avatar"))
    assert enrolment.known(avatar.portrait_sha256, "photo") is None
    assert len(list(enrolment.rehearse(avatar, 32, 10.0))) == 30


def test_a_damaged_avatar_is_made_again(enrol, portrait, tmp_path):
    avatar = enrol(portrait)
    for path in (tmp_path / "avatars").glob("*/*"):
        path.write_bytes(path.read_bytes()[:50])
    assert same(avatar, enrol(portrait))
    assert same(avatar, enrol(portrait))
    assert enrol.opened.count("encoder.onnx") == 2


@pytest.mark.parametrize("name", ["source_s0.jpg", "source_s5.jpg", "source_s7.jpg", "source_s9.jpg"])
def test_every_kind_of_portrait_is_accepted(enrol, data_folder, name):
    avatar = enrol(data_folder / "real" / name)
    assert avatar.crop.std() > 20


def test_a_faceless_portrait_is_refused(enrol, tmp_path):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)).save(
        tmp_path / "wall.png"
    )
    with pytest.raises(PortraitError, match=r"wall\.png shows no face"):
        enrol(tmp_path / "wall.png")


def test_a_face_that_is_too_small_is_refused(enrol, portrait, tmp_path):
    Image.fromarray(read_still(portrait)).resize((90, 90)).save(tmp_path / "tiny.png")
    with pytest.raises(PortraitError, match=r"the face in .*tiny\.png is \d+ pixels high and should have 64"):
        enrol(tmp_path / "tiny.png")


def test_a_missing_portrait_is_refused(enrol, tmp_path):
    with pytest.raises(PictureError, match="no picture"):
        enrol(tmp_path / "absent.png")
    assert not (tmp_path / "avatars").exists()


def test_a_folder_that_cannot_be_written_is_said(enrol, portrait, tmp_path):
    (tmp_path / "avatars").write_text("a file, not a folder")
    with pytest.raises(AvatarError, match="cannot be stored"):
        enrol(portrait)


def test_a_bundle_without_an_identity_network_says_no_likeness(bundle, portrait, tmp_path):
    silent = replace(bundle, identity=None)
    assert Enrolment(silent, open_engine, tmp_path).avatar_of(portrait).likeness is None


def test_a_cancelled_enrolment_leaves_nothing(bundle, portrait, tmp_path):
    enrolment = Enrolment(bundle, open_engine, tmp_path / "avatars")
    enrolment.cancel()
    with pytest.raises(Cancelled):
        enrolment.avatar_of(portrait)
    assert not (tmp_path / "avatars").exists()


def test_a_character_of_the_bundle_has_its_exact_code(tmp_path, bundle):
    rng = np.random.default_rng(0)
    picture = tmp_path / "ada.png"
    Image.fromarray(rng.integers(0, 256, (64, 64, 3), np.uint8)).save(picture)
    sha256 = hashlib.sha256(picture.read_bytes()).hexdigest()
    code = rng.normal(size=(bundle.num_ws, bundle.w_dim)).astype(np.float32)
    character = Character(code, bundle.pose_space.rest)
    knowing = replace(bundle, characters={sha256: character})
    enrolment = Enrolment(knowing, lambda path: open_engine(path, threads=1, precision="f32"), tmp_path / "avatars")
    avatar = enrolment.avatar_of(picture)
    np.testing.assert_array_equal(avatar.code, code)
    assert avatar.crop.shape == (CROP_PX, CROP_PX, 3)
    assert same(avatar, enrolment.stored(sha256))
    assert same(avatar, enrolment.stored(sha256, "photo"))
