from puppet.folders import folders


def test_a_data_dir_holds_everything(tmp_path):
    own = folders(tmp_path)
    assert own.data == tmp_path
    assert own.avatars == tmp_path / "avatars"
    assert {own.cache.parent, own.config.parent} == {tmp_path}


def test_else_they_are_the_users_own():
    own = folders(None)
    assert "puppet" in own.data.parts and own.cache != own.data
