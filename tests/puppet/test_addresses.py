import pytest

from puppet.addresses import Address, names_sender, read_address
from puppet.devices import names_file


@pytest.mark.parametrize(
    ("words", "address"),
    [
        ("127.0.0.1:39539", Address("127.0.0.1", 39539)),
        ("osc://:39539", Address("127.0.0.1", 39539)),
        ("osc://0.0.0.0:1", Address("0.0.0.0", 1)),
        ("osc://[::1]:39540", Address("::1", 39540)),
    ],
)
def test_addresses_are_read(words, address):
    assert read_address(words, "127.0.0.1") == address
    assert read_address(str(address)) == address


@pytest.mark.parametrize(
    "words", ["", "host", ":1", "host:0", "host:70000", "host:x", "host:1/x", "a@host:1", "[::1:5"]
)
def test_what_is_none_is_said(words):
    with pytest.raises(ValueError, match="expected HOST:PORT, got"):
        read_address(words)


def test_an_address_is_no_file():
    assert names_sender("osc://:39539") and not names_file("osc://:39539")
    assert not names_sender("osc.mp4")
