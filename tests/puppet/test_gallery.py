"""What is shipped, and what the user has."""

import hashlib
import os
from dataclasses import replace

import numpy as np
import pytest

from puppet.avatar import Avatar, avatar_path, save_avatar
from puppet.gallery import characters, enrolled


@pytest.fixture
def avatar():
    crop = np.full((64, 64, 3), 90, np.uint8)
    return Avatar(np.zeros((12, 16), np.float32), np.zeros(15, np.float32), crop, "ab" * 32, "cd" * 32, "Zoë")


def test_characters_are_pictures_with_names():
    entries = characters()
    assert entries
    assert all(entry.name and not entry.own for entry in entries)
    assert entries[0].portrait_sha256 == hashlib.sha256(entries[0].picture.read_bytes()).hexdigest()


def test_enrolled_portraits_come_oldest_first_and_once(avatar, tmp_path):
    others = [replace(avatar, portrait_sha256="ef" * 32, name="Max"), replace(avatar, bundle_sha256="12" * 32, name="")]
    for age, each in enumerate([avatar, *others]):
        save_avatar(each, tmp_path)
        os.utime(avatar_path(tmp_path, each), (1000 + age, 1000 + age))
    assert [(entry.portrait_sha256, entry.name) for entry in enrolled(tmp_path)] == [
        ("ab" * 32, "Zoë"),
        ("ef" * 32, "Max"),
    ]


def test_shipped_damaged_and_other_files_are_left_out(avatar, tmp_path):
    save_avatar(replace(avatar, portrait_sha256=characters()[0].portrait_sha256), tmp_path)
    save_avatar(avatar, tmp_path)
    avatar_path(tmp_path, avatar).with_suffix(".png").unlink()
    (tmp_path / "damaged.safetensors").write_bytes(b"\x07" * 40)
    assert enrolled(tmp_path) == []
    assert enrolled(tmp_path / "missing") == []
