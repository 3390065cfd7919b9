import contextlib
import struct

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pythonosc.osc_bundle_builder import OscBundleBuilder
from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.osc_packet import OscPacket

from puppet.osc import AT_ONCE, BUNDLE, LONGEST, Message, OscError, read_messages, write_bundle, write_message

words = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=20)
floats = st.floats(width=32, allow_nan=False)
messages = st.builds(
    Message,
    words.map(lambda word: f"/{word}"),
    st.lists(words | floats | st.integers(-(2**31), 2**31 - 1), max_size=8).map(tuple),
)


@given(st.lists(messages, max_size=6))
def test_what_is_written_is_read(several):
    assert read_messages(write_bundle([write_message(message) for message in several])) == several


@given(messages)
def test_another_implementation_reads_what_is_written(message):
    (read,) = OscPacket(write_message(message)).messages
    assert (read.message.address, tuple(read.message.params)) == (message.address, message.arguments)


def test_what_another_implementation_writes_is_read():
    bundle = OscBundleBuilder(0)
    for i in range(3):
        builder = OscMessageBuilder("/VMC/Ext/Blend/Val")
        for value in (f"shape{i}", i / 4, i, True, None, [1]) if i < 2 else (f"shape{i}",):
            if not isinstance(value, list):
                builder.add_arg(value)
        bundle.add_content(builder.build())
    read = read_messages(bundle.build().dgram)
    assert [message.arguments for message in read] == [
        ("shape0", 0.0, 0, True, None), ("shape1", 0.25, 1, True, None), ("shape2",),
    ]  # fmt: skip


@settings(max_examples=500)
@given(st.binary(max_size=400) | st.binary(max_size=200).map(lambda rest: BUNDLE + AT_ONCE + rest))
@example(BUNDLE + AT_ONCE + struct.pack(">i", -4))
@example(BUNDLE + AT_ONCE + struct.pack(">i", 0))
@example(b"/a\0\0,s\0\0never ends")
def test_anything_is_read_or_refused_in_one_sentence(datagram):
    try:
        read = read_messages(datagram)
    except OscError as error:
        assert str(error) and "\n" not in str(error)
    else:
        assert sum(len(message.address) for message in read) <= len(datagram)


@given(st.lists(messages, min_size=1, max_size=4), st.data())
def test_damage_never_does_more(several, data):
    datagram = bytearray(write_bundle([write_message(message) for message in several]))
    for _ in range(data.draw(st.integers(1, 6))):
        datagram[data.draw(st.integers(0, len(datagram) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(OscError):
        read_messages(bytes(datagram[: data.draw(st.integers(0, len(datagram)))]))


def test_bundles_in_bundles_are_bounded():
    datagram = write_message(Message("/a"))
    for _ in range(4):
        datagram = write_bundle([datagram])
    assert read_messages(datagram) == [Message("/a")]
    with pytest.raises(OscError, match="more than 4"):
        read_messages(write_bundle([datagram]))
    with pytest.raises(OscError, match="65535 bytes"):
        read_messages(bytes(LONGEST))


def test_what_cannot_be_written_is_a_mistake():
    with pytest.raises(TypeError, match="None cannot"):
        write_message(Message("/a", (None,)))
    with pytest.raises(ValueError, match="zero inside"):
        write_message(Message("/a", ("b\0c",)))
    with pytest.raises(OscError, match=r"type 'b'"):
        read_messages(b"/a\0\0,b\0\0" + np.zeros(2, np.int32).tobytes())
