from puppet.folders import folders


def test_a_data_dir_holds_everything(tmp_path):
    own = folders(tmp_path)
    assert own.data == tmp_path
    assert own.avatars == tmp_path / "avatars"
    assert {own.cache.parent, own.config.parent, own.logs.parent} == {tmp_path}


def test_else_they_are_the_users_own():
    own = folders(None)
    assert "puppet" in own.data.parts and own.cache != own.data


def test_locks_are_the_same_for_every_data_dir(tmp_path):
    assert folders(tmp_path).locks == folders(None).locks
