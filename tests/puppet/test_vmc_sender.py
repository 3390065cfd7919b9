import socket
from contextlib import closing
from time import perf_counter

import numpy as np
import pytest
from pythonosc.osc_packet import OscPacket
from vmc_parts import HOST, free_port

from puppet.addresses import Address
from puppet.errors import SinkError
from puppet.head_turn import angles_of
from puppet.outlet import Listener
from puppet.pose_space import BUILTIN
from puppet.state import LIVE, Condition, State
from puppet.values import Moment, PoseVector
from puppet.vmc import Translation
from puppet.vmc_receiver import VmcReceiver
from puppet.vmc_sender import LONGEST, VmcSender

NOW = Moment(0, 0.0, 0.0)


def vector(p, neutral=None, presence=1.0):
    return PoseVector(p, BUILTIN.rest if neutral is None else neutral, presence, NOW)


@pytest.fixture
def inbox():
    with closing(socket.socket(type=socket.SOCK_DGRAM)) as inbox:
        inbox.bind((HOST, 0))
        inbox.settimeout(5.0)
        yield inbox


@pytest.fixture
def sender(inbox):
    with closing(VmcSender(Address(HOST, inbox.getsockname()[1]), BUILTIN, "arkit")) as sender:
        yield sender


def sent(inbox):
    """All messages up to Apply, as another implementation reads them, and the datagrams' lengths."""
    messages, lengths = [], []
    while not messages or messages[-1][0] != "/VMC/Ext/Blend/Apply":
        datagram = inbox.recv(65536)
        lengths.append(len(datagram))
        messages += [(timed.message.address, timed.message.params) for timed in OscPacket(datagram).messages]
    return messages, lengths


def test_another_implementation_reads_what_is_sent(sender, inbox):
    p = BUILTIN.pose(yaw=30.0, jaw_open=0.5, blink_left=1.0, mouth_shift=-0.25)
    sender.hear(vector(p), LIVE)
    messages, lengths = sent(inbox)
    assert max(lengths) <= LONGEST
    assert messages[0] == ("/VMC/Ext/OK", [1, 3, 0, 1])
    assert messages[1][0] == "/VMC/Ext/T"
    address, (name, _, _, _, *turn) = messages[2]
    assert (address, name) == ("/VMC/Ext/Bone/Pos", "Head")
    np.testing.assert_allclose(turn, [0.0, np.sin(np.pi / 12), 0.0, np.cos(np.pi / 12)], atol=1e-6)
    shapes = {params[0]: params[1] for address, params in messages if address == "/VMC/Ext/Blend/Val"}
    moved = {name: value for name, value in shapes.items() if value}
    assert moved == {"jawOpen": 0.5, "eyeBlinkLeft": 1.0, "mouthLeft": 0.25}


def test_it_sends_the_motion_from_the_neutral_and_fades_with_the_driver(sender, inbox):
    p = BUILTIN.pose(yaw=30.0, jaw_open=0.8)
    neutral = BUILTIN.pose(yaw=10.0, jaw_open=0.2)
    sender.hear(vector(p, neutral, presence=0.5), Condition(State.RESTING, "no face is seen"))
    messages, _ = sent(inbox)
    assert messages[0][1][-1] == 0  # not tracked
    assert angles_of(tuple(messages[2][1][4:]))[0] == pytest.approx(10.0, abs=1e-3)
    shapes = {params[0]: params[1] for address, params in messages if address == "/VMC/Ext/Blend/Val"}
    assert shapes["jawOpen"] == pytest.approx(0.3)


def test_our_own_receiver_hears_it():
    port = free_port()
    p = BUILTIN.pose(yaw=-25.0, pitch=10.0, roll=5.0, smile_left=0.6, gaze_yaw=0.4)
    with (
        closing(VmcReceiver(Address(HOST, port))) as receiver,
        closing(VmcSender(Address(HOST, port), BUILTIN, "arkit")) as sender,
    ):
        assert isinstance(sender, Listener)
        sender.hear(vector(p), LIVE)
        heard = receiver.hear(perf_counter() + 5.0)
    np.testing.assert_allclose(Translation(BUILTIN).pose_of(heard.figure), p, atol=1e-3)


def test_nobody_there_is_no_error():
    with closing(VmcSender(Address(HOST, free_port()), BUILTIN, "vrm")) as sender:
        for _ in range(3):
            sender.hear(vector(BUILTIN.rest), LIVE)


def test_a_host_that_nobody_knows_is_said():
    with pytest.raises(SinkError, match=r"cannot be sent to no.such.host.invalid:1 .*check --osc"):
        VmcSender(Address("no.such.host.invalid", 1), BUILTIN, "arkit")
