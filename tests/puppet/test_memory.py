import logging
import shutil
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puppet.memory import last_avatar, remember_avatar
from puppet.parts import Parts
from puppet.settings import Settings

SHA256 = "0123456789abcdef" * 4


def test_what_was_remembered_is_known(tmp_path):
    folder = tmp_path / "new" / "data"
    assert last_avatar(folder) is None
    remember_avatar(folder, SHA256[::-1], "avatar")
    remember_avatar(folder, SHA256, "photo")
    assert last_avatar(folder) == (SHA256, "photo")
    assert [path.name for path in folder.iterdir()] == ["last.json"]


@given(
    content=st.binary(max_size=80) | st.sampled_from([b"[]", b'{"portrait_sha256": 3}', b'{"portrait_sha256": "/"}'])
)
def test_a_damaged_memory_is_none(content, tmp_path_factory):
    folder = tmp_path_factory.mktemp("memory")
    (folder / "last.json").write_bytes(content)
    assert last_avatar(folder) is None


def test_a_place_that_cannot_be_written_only_costs_the_memory(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    remember_avatar(tmp_path / "file", SHA256, "avatar")
    assert "the last avatar is not remembered" in caplog.text and caplog.records[0].levelno == logging.WARNING


@pytest.fixture
def parts(bundle_folder, tmp_path):
    with closing(Parts(Settings(bundle=bundle_folder, data_dir=tmp_path))) as parts:
        yield parts


def test_without_a_source_it_is_the_last_used_avatar_even_when_its_file_is_gone(parts, portrait, tmp_path):
    copy = tmp_path / "me.jpg"
    copy.write_bytes(portrait.read_bytes())
    first = parts.avatar(copy)
    copy.unlink()
    again = parts.avatar(None)
    assert again.portrait_sha256 == first.portrait_sha256
    assert (again.code == first.code).all()


def test_a_damaged_avatar_is_rebuilt_from_its_crop(parts, portrait, tmp_path, caplog):
    first = parts.avatar(portrait)
    (stored,) = parts.avatars.glob("*/avatar.safetensors")
    stored.write_bytes(stored.read_bytes()[:200])
    again = parts.avatar(None)
    assert again.portrait_sha256 == first.portrait_sha256
    assert "damaged" in caplog.text
    assert parts.enrolment().stored(first.portrait_sha256) is not None


def test_another_bundle_enrols_the_last_avatar_from_its_crop(parts, portrait, make_bundle, tmp_path):
    first = parts.avatar(portrait)
    with closing(Parts(Settings(bundle=make_bundle(0.5), data_dir=tmp_path))) as others:
        again = others.avatar(None)
    assert again.portrait_sha256 == first.portrait_sha256 and again.bundle_sha256 != first.bundle_sha256


@pytest.mark.parametrize("lost", ["nothing was used", "the avatar was deleted"])
def test_else_it_is_the_shipped_example(parts, lost, portrait):
    if lost != "nothing was used":
        parts.avatar(portrait)
        shutil.rmtree(parts.avatars)
    assert parts.avatar(None).portrait_sha256 != parts.avatar(portrait).portrait_sha256
