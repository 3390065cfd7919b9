"""What is shipped, and what the user has."""

import hashlib
import os
from dataclasses import replace

import numpy as np
import pytest

from puppet.avatar import AVATAR, Avatar, Tuned, _tensors, avatar_path, save_avatar
from puppet.bundle import load_bundle
from puppet.gallery import characters, enrolled
from puppet.likeness import Likeness
from puppet.stills import read_still


@pytest.fixture
def avatar():
    crop = np.full((64, 64, 3), 90, np.uint8)
    preview = np.full((32, 32, 3), 30, np.uint8)
    code, p_s = np.zeros((8, 16), np.float32), np.zeros(15, np.float32)
    return Avatar(code, p_s, crop, preview, "ab" * 32, "cd" * 32, "Zoë", likeness=Likeness(0.5, 0.1))


@pytest.fixture
def bundle(bundle_folder):
    return load_bundle(bundle_folder)


def test_characters_are_pictures_with_names():
    entries = characters()
    assert entries
    assert all(entry.name and not entry.own for entry in entries)
    assert entries[0].portrait_sha256 == hashlib.sha256(entries[0].picture.read_bytes()).hexdigest()


def test_enrolled_portraits_come_oldest_first_and_once(avatar, bundle, tmp_path):
    others = [replace(avatar, portrait_sha256="ef" * 32, name="Max"), replace(avatar, bundle_sha256="12" * 32, name="")]
    for age, each in enumerate([avatar, *others]):
        save_avatar(each, tmp_path)
        os.utime(avatar_path(tmp_path, each) / "avatar.safetensors", (1000 + age, 1000 + age))
    assert [(entry.portrait_sha256, entry.name) for entry in enrolled(tmp_path)] == [
        ("ab" * 32, "Zoë"),
        ("ef" * 32, "Max"),
    ]
    entry = enrolled(tmp_path)[0]
    assert (read_still(entry.picture) == avatar.preview).all()
    assert (entry.look, entry.likeness) == ("avatar", avatar.likeness)


def test_each_look_of_a_portrait_counts_also_of_a_shipped_one(avatar, bundle, tmp_path):
    (tmp_path / "generator.safetensors").write_bytes(b"weights")
    shipped = replace(avatar, portrait_sha256=characters()[0].portrait_sha256)
    for each in (avatar, shipped):
        save_avatar(each, tmp_path)
        save_avatar(replace(each, tuned=Tuned(b"difference", "ab" * 32)), tmp_path)
    found = {(entry.portrait_sha256, entry.look) for entry in enrolled(tmp_path)}
    assert found == {("ab" * 32, "avatar"), ("ab" * 32, "photo"), (shipped.portrait_sha256, "photo")}


def test_shipped_damaged_and_other_files_are_left_out(avatar, bundle, tmp_path):
    save_avatar(replace(avatar, portrait_sha256=characters()[0].portrait_sha256), tmp_path)
    save_avatar(avatar, tmp_path)
    (avatar_path(tmp_path, avatar) / "preview.png").unlink()
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "avatar.safetensors").write_bytes(b"\x07" * 40)
    assert enrolled(tmp_path) == []
    assert enrolled(tmp_path / "missing") == []


@pytest.mark.parametrize("sha256", ["../../outside", "/etc", "*", "", "AB" * 32, "ab" * 32 + "\n"])
def test_what_is_no_hash_never_becomes_a_path(avatar, tmp_path, sha256):
    save_avatar(avatar, tmp_path)
    content = _tensors(replace(avatar, portrait_sha256=sha256), {})
    (avatar_path(tmp_path, avatar) / AVATAR).write_bytes(content)
    assert enrolled(tmp_path) == []


def test_names_are_as_they_can_be_shown(avatar, tmp_path):
    save_avatar(replace(avatar, name="Zoë\n\x1b[2J" + "x" * 1000), tmp_path)
    (entry,) = enrolled(tmp_path)
    assert entry.name.startswith("Zoë[2Jxx") and len(entry.name) < 200


def test_a_likeness_that_is_no_number_is_none(avatar, tmp_path):
    save_avatar(replace(avatar, likeness=Likeness(float("nan"), 0.1)), tmp_path)
    assert enrolled(tmp_path)[0].likeness is None
