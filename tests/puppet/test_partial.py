import pytest

from puppet.partial import partial_path, write_whole


def test_a_file_is_replaced_and_nothing_else_stays(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("old")
    write_whole(path, b"new", 0o600)
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("old")
    with pytest.raises(TypeError):
        write_whole(path, "not bytes")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_an_oserror(tmp_path):
    with pytest.raises(OSError):
        write_whole(tmp_path / "no" / "a.json", b"")


def test_the_partial_name_is_hidden_and_beside_the_place(tmp_path):
    partial = partial_path(tmp_path / "out.mp4")
    assert partial.parent == tmp_path and partial.name.startswith(".out.mp4.")
