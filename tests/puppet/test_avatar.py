import hashlib
import json
import re
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from claimed_tensor import STRANGE, claimed_tensors
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from puppet.avatar import (
    AVATAR,
    DETAIL,
    DIFFERENCE,
    SURROUNDINGS,
    Avatar,
    Tuned,
    avatar_path,
    load_avatar,
    remove_avatar,
    save_avatar,
    stored_name,
    stored_surroundings,
)
from puppet.bundle import GENERATOR, SYNTHESIS, load_bundle
from puppet.detail import Detail, detail_tensors
from puppet.errors import AvatarError
from puppet.gallery import enrolled
from puppet.likeness import Likeness
from puppet.surroundings import Surroundings

RNG = np.random.default_rng(2)


@pytest.fixture
def bundle(bundle_folder):
    return load_bundle(bundle_folder)


@pytest.fixture
def avatar(bundle):
    return Avatar(
        RNG.normal(size=(bundle.num_ws, bundle.w_dim)).astype(np.float32),
        RNG.normal(size=bundle.pose_space.dim).astype(np.float32),
        RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8),
        RNG.integers(0, 256, (32, 32, 3), dtype=np.uint8),
        "ab" * 32,
        bundle.sha256,
        "Zoë",
    )


@pytest.fixture
def photo(avatar):
    return replace(avatar, tuned=Tuned(b"weights", hashlib.sha256(b"weights").hexdigest()))


@pytest.fixture
def around():
    rgb = RNG.integers(0, 256, (36, 64, 3), dtype=np.uint8)
    return Surroundings(rgb, RNG.choice(np.array([0, 128, 255], np.uint8), (36, 64)))


def test_an_avatar_comes_back_as_it_was(avatar, bundle, tmp_path):
    save_avatar(avatar, tmp_path / "avatars")
    loaded = load_avatar(tmp_path / "avatars", avatar.portrait_sha256, bundle, "avatar")
    np.testing.assert_array_equal(loaded.code, avatar.code)
    np.testing.assert_array_equal(loaded.p_s, avatar.p_s)
    np.testing.assert_array_equal(loaded.crop, avatar.crop)
    assert (loaded.portrait_sha256, loaded.bundle_sha256) == (avatar.portrait_sha256, avatar.bundle_sha256)
    assert loaded.name == avatar.name


def test_its_files_are_private_and_complete(avatar, around, bundle, tmp_path):
    save_avatar(replace(avatar, surroundings=around), tmp_path)
    folder = avatar_path(tmp_path, avatar)
    names = ["avatar.safetensors", "crop.png", "preview.png", "surroundings.png"]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert all(path.stat().st_mode & 0o077 == 0 for path in (folder, *folder.iterdir()))


def test_its_surroundings_come_back(avatar, around, bundle, tmp_path):
    save_avatar(replace(avatar, surroundings=around), tmp_path)
    loaded = load_avatar(tmp_path, avatar.portrait_sha256, bundle, "avatar").surroundings
    for found in (loaded, stored_surroundings(avatar_path(tmp_path, avatar) / "crop.png")):
        np.testing.assert_array_equal(found.rgb, around.rgb)
        np.testing.assert_array_equal(found.whose, around.whose)
    flip(avatar_path(tmp_path, avatar) / SURROUNDINGS)
    with pytest.raises(AvatarError, match="is damaged"):
        load_avatar(tmp_path, avatar.portrait_sha256, bundle, "avatar")


def test_its_detail_comes_back(photo, bundle, tmp_path):
    parts = {
        name: RNG.integers(0, 256, shape, dtype=np.uint8) if kind == "uint8" else RNG.random(shape).astype(kind)
        for name, (kind, shape) in detail_tensors(bundle.pose_space.dim).items()
    }
    detail = Detail(**parts)
    save_avatar(replace(photo, detail=detail), tmp_path)
    loaded = load_avatar(tmp_path, photo.portrait_sha256, bundle, "photo").detail
    for name in Detail.__slots__:
        np.testing.assert_array_equal(getattr(loaded, name), getattr(detail, name))
    path = avatar_path(tmp_path, photo) / DETAIL
    assert path.stat().st_mode & 0o077 == 0
    flip(path)
    with pytest.raises(AvatarError, match="is damaged"):
        load_avatar(tmp_path, photo.portrait_sha256, bundle, "photo")


def test_an_avatar_of_before_has_none(avatar, bundle, tmp_path):
    save_avatar(avatar, tmp_path)
    assert load_avatar(tmp_path, avatar.portrait_sha256, bundle, "avatar").detail is None
    assert load_avatar(tmp_path, avatar.portrait_sha256, bundle, "avatar").surroundings is None
    assert stored_surroundings(avatar_path(tmp_path, avatar) / "crop.png") is None


def test_its_likeness_and_its_own_generator_come_back(avatar, photo, bundle, tmp_path):
    photo = replace(photo, likeness=Likeness(0.71, 0.2))
    save_avatar(photo, tmp_path)
    save_avatar(avatar, tmp_path)
    loaded = load_avatar(tmp_path, avatar.portrait_sha256, bundle, "photo")
    assert loaded.likeness == photo.likeness and str(loaded.likeness) == "similarity 0.71; strangers score about 0.2"
    assert (loaded.tuned.difference, loaded.tuned.sha256) == (photo.tuned.difference, photo.tuned.sha256)
    assert (avatar_path(tmp_path, photo) / DIFFERENCE).stat().st_mode & 0o077 == 0
    other = load_avatar(tmp_path, avatar.portrait_sha256, bundle, "avatar")
    assert (other.tuned, other.likeness, other.look) == (None, None, "avatar")
    flip(avatar_path(tmp_path, photo) / DIFFERENCE)
    with pytest.raises(AvatarError, match="is damaged"):
        load_avatar(tmp_path, avatar.portrait_sha256, bundle, "photo")
    assert stored_name(tmp_path, avatar.portrait_sha256) == "Zoë"


def test_whole_weights_of_an_earlier_version_are_said_and_replaced(avatar, photo, bundle, tmp_path):
    save_avatar(photo, tmp_path)
    folder = avatar_path(tmp_path, photo)
    (folder / DIFFERENCE).rename(folder / GENERATOR)
    (folder / SYNTHESIS).write_bytes(b"graph")
    content = (folder / AVATAR).read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header["__metadata__"][GENERATOR] = header["__metadata__"].pop(DIFFERENCE)
    changed = json.dumps(header).encode()
    (folder / AVATAR).write_bytes(len(changed).to_bytes(8, "little") + changed + content[8 + length :])
    with pytest.raises(AvatarError, match="earlier version of puppet; enrol its portrait again"):
        load_avatar(tmp_path, avatar.portrait_sha256, bundle, "photo")
    save_avatar(photo, tmp_path)
    assert not (folder / GENERATOR).exists() and not (folder / SYNTHESIS).exists()
    assert load_avatar(tmp_path, avatar.portrait_sha256, bundle, "photo").look == "photo"


def test_another_portrait_or_bundle_is_not_there(avatar, bundle, tmp_path):
    save_avatar(avatar, tmp_path)
    assert load_avatar(tmp_path, "cd" * 32, bundle, "avatar") is None
    assert load_avatar(tmp_path, avatar.portrait_sha256, replace(bundle, sha256="ef" * 32), "avatar") is None


def cut(path):
    path.write_bytes(path.read_bytes()[:-30])


def flip(path):
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["avatar.safetensors", "crop.png", "preview.png"])
@pytest.mark.parametrize("damage", [cut, flip, lambda path: path.write_bytes(b"")], ids=["cut", "flipped", "empty"])
def test_damage_is_noticed(avatar, bundle, tmp_path, name, damage):
    save_avatar(avatar, tmp_path)
    damage(avatar_path(tmp_path, avatar) / name)
    with pytest.raises(AvatarError, match="is damaged"):
        load_avatar(tmp_path, avatar.portrait_sha256, bundle, "avatar")


@pytest.mark.parametrize("kind", STRANGE)
def test_numbers_of_another_kind_are_damage(avatar, bundle, tmp_path, kind):
    save_avatar(avatar, tmp_path)
    content = claimed_tensors(kind, code=avatar.code.shape, p_s=avatar.p_s.shape)
    (avatar_path(tmp_path, avatar) / AVATAR).write_bytes(content)
    with pytest.raises(AvatarError, match="code should hold"):
        load_avatar(tmp_path, avatar.portrait_sha256, bundle, "avatar")


def test_codes_that_are_no_numbers_are_damage(avatar, bundle, tmp_path):
    save_avatar(replace(avatar, code=np.full_like(avatar.code, np.nan)), tmp_path)
    with pytest.raises(AvatarError, match="no number"):
        load_avatar(tmp_path, avatar.portrait_sha256, bundle, "avatar")


def test_a_picture_that_is_no_file_is_not_waited_for(avatar, bundle, tmp_path):
    save_avatar(avatar, tmp_path)
    crop = avatar_path(tmp_path, avatar) / "crop.png"
    crop.unlink()
    crop.symlink_to("/dev/zero")
    with pytest.raises(AvatarError, match="is damaged"):
        load_avatar(tmp_path, avatar.portrait_sha256, bundle, "avatar")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_damage_is_refused_or_harmless(avatar, bundle, tmp_path, data):
    save_avatar(avatar, tmp_path)
    path = avatar_path(tmp_path, avatar) / AVATAR
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, min(1200, len(content) - 1)))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    entries = enrolled(tmp_path)
    assert all(re.fullmatch("[0-9a-f]{64}", entry.portrait_sha256) and len(entry.name) <= 200 for entry in entries)
    with suppress(AvatarError):
        load_avatar(tmp_path, avatar.portrait_sha256, bundle, "avatar")


def test_a_missing_crop_is_damage(avatar, bundle, tmp_path):
    save_avatar(avatar, tmp_path)
    (avatar_path(tmp_path, avatar) / "crop.png").unlink()
    with pytest.raises(AvatarError, match="is damaged"):
        load_avatar(tmp_path, avatar.portrait_sha256, bundle, "avatar")


def test_a_folder_that_cannot_be_made_is_said(avatar, bundle, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(AvatarError, match=r"cannot be stored .* --data-dir"):
        save_avatar(avatar, tmp_path / "file" / "avatars")


def test_one_look_of_one_portrait_is_removed_for_all_bundles(avatar, photo, bundle, tmp_path):
    others = photo, replace(avatar, portrait_sha256="cd" * 32)
    folder = tmp_path / "avatars"
    for one in (avatar, replace(avatar, bundle_sha256="ef" * 32), *others):
        save_avatar(one, folder)
    remove_avatar(folder, avatar.portrait_sha256, "avatar")
    assert set(folder.iterdir()) == {avatar_path(folder, other) for other in others}
    remove_avatar(folder, avatar.portrait_sha256, "avatar")
    remove_avatar(folder, photo.portrait_sha256, "photo")
    assert set(folder.iterdir()) == {avatar_path(folder, others[1])}


@pytest.mark.parametrize("sha256", ["", "*", "?" * 64, "../avatars/abababababababababab"])
def test_only_the_named_portrait_is_removed(avatar, bundle, tmp_path, sha256):
    folder = tmp_path / "avatars"
    save_avatar(avatar, folder)
    remove_avatar(folder, sha256, "avatar")
    assert load_avatar(folder, avatar.portrait_sha256, bundle, "avatar") is not None


def test_nothing_is_removed_where_nothing_is_stored(tmp_path):
    remove_avatar(tmp_path / "none", "ab" * 32, "avatar")


def test_an_avatar_that_cannot_be_removed_is_said(avatar, tmp_path):
    path = avatar_path(tmp_path, avatar)
    path.symlink_to(tmp_path, target_is_directory=True)  # links are not followed
    with pytest.raises(AvatarError, match="cannot be deleted"):
        remove_avatar(tmp_path, avatar.portrait_sha256, "avatar")
    assert path.is_symlink()
