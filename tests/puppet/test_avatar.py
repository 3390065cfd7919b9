from dataclasses import replace

import numpy as np
import pytest

from puppet.avatar import Avatar, load_avatar, save_avatar
from puppet.bundle import load_bundle
from puppet.errors import AvatarError

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
        "ab" * 32,
        bundle.sha256,
        "Zoë",
    )


def test_an_avatar_comes_back_as_it_was(avatar, bundle, tmp_path):
    save_avatar(avatar, tmp_path / "avatars")
    loaded = load_avatar(tmp_path / "avatars", avatar.portrait_sha256, bundle)
    np.testing.assert_array_equal(loaded.code, avatar.code)
    np.testing.assert_array_equal(loaded.p_s, avatar.p_s)
    np.testing.assert_array_equal(loaded.crop, avatar.crop)
    assert (loaded.portrait_sha256, loaded.bundle_sha256) == (avatar.portrait_sha256, avatar.bundle_sha256)
    assert loaded.name == avatar.name


def test_its_files_are_private_and_complete(avatar, tmp_path):
    save_avatar(avatar, tmp_path)
    files = sorted(tmp_path.iterdir())
    assert [path.suffix for path in files] == [".png", ".safetensors"]
    assert all(path.stat().st_mode & 0o077 == 0 for path in files)


def test_another_portrait_or_bundle_is_not_there(avatar, bundle, tmp_path):
    save_avatar(avatar, tmp_path)
    assert load_avatar(tmp_path, "cd" * 32, bundle) is None
    assert load_avatar(tmp_path, avatar.portrait_sha256, replace(bundle, sha256="ef" * 32)) is None


def cut(path):
    path.write_bytes(path.read_bytes()[:-30])


def flip(path):
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("suffix", [".safetensors", ".png"])
@pytest.mark.parametrize("damage", [cut, flip, lambda path: path.write_bytes(b"")], ids=["cut", "flipped", "empty"])
def test_damage_is_noticed(avatar, bundle, tmp_path, suffix, damage):
    save_avatar(avatar, tmp_path)
    damage(next(tmp_path.glob(f"*{suffix}")))
    with pytest.raises(AvatarError, match="is damaged"):
        load_avatar(tmp_path, avatar.portrait_sha256, bundle)


def test_a_missing_crop_is_damage(avatar, bundle, tmp_path):
    save_avatar(avatar, tmp_path)
    next(tmp_path.glob("*.png")).unlink()
    with pytest.raises(AvatarError, match="is damaged"):
        load_avatar(tmp_path, avatar.portrait_sha256, bundle)


def test_a_folder_that_cannot_be_made_is_said(avatar, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(AvatarError, match=r"cannot be stored .* --data-dir"):
        save_avatar(avatar, tmp_path / "file" / "avatars")
