import logging
import math
import socket
import sys
from contextlib import closing
from time import perf_counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from vmc_parts import HOST, Tracker, bone, free_port, moment

from puppet.addresses import Address
from puppet.errors import CameraError
from puppet.head_turn import angles_of
from puppet.osc import Message, write_bundle, write_message
from puppet.pose_space import BUILTIN
from puppet.vmc import APPLY, BLEND, BONE, KNOWN, OK, Translation
from puppet.vmc_receiver import VmcReceiver


@pytest.fixture
def receiver():
    with closing(VmcReceiver(Address(HOST, free_port()))) as receiver:
        yield receiver


@pytest.fixture
def tracker(receiver):
    with closing(Tracker(receiver.address.port)) as tracker:
        yield tracker


def heard(receiver, patience_s=5.0):
    return receiver.hear(perf_counter() + patience_s)


def test_a_moment_is_heard_when_it_is_applied(receiver, tracker):
    tracker.send(*moment(20.0, jawOpen=0.5, EyeBlinkLeft=1.0, notOurs=0.7))
    figure = heard(receiver).figure
    assert angles_of(figure.head)[0] == pytest.approx(20.0, abs=1e-3)
    assert figure.shapes == {"jawopen": 0.5, "eyeblinkleft": 1.0}
    tracker.send(Message(BLEND, ("jawOpen", 1.0)))
    assert heard(receiver, 0.1) is None
    tracker.send(Message(APPLY))
    assert heard(receiver).figure.shapes["jawopen"] == 1.0


def test_a_turn_that_is_shared_out_among_the_bones_is_the_heads(receiver, tracker):
    tracker.send(bone("Spine", 5.0), bone("Neck", 10.0), bone("LeftHand", 90.0), *moment(15.0))
    assert angles_of(heard(receiver).figure.head)[0] == pytest.approx(30.0, abs=1e-3)


def test_a_sender_of_bones_alone_is_heard(receiver, tracker, monkeypatch):
    tracker.send(bone("Head", pitch=7.0))
    assert heard(receiver, 0.1) is None  # shapes may follow
    monkeypatch.setattr("puppet.vmc_receiver.SILENT_S", -1.0)
    tracker.send(bone("Head", pitch=7.0))
    assert angles_of(heard(receiver).figure.head)[1] == pytest.approx(7.0, abs=1e-3)


def test_a_sender_that_sees_nobody_says_so(receiver, tracker):
    tracker.send(*moment(tracked=False))
    assert heard(receiver).figure is None
    tracker.send(*moment(3.0))
    assert heard(receiver).figure is not None


def test_moments_that_come_too_early_count_for_the_next_one(receiver, tracker):
    now_s = perf_counter()
    for yaw in (1.0, 2.0):
        tracker.send(*moment(yaw))
    assert receiver.hear(now_s + 0.3, now_s + 10.0) is None
    tracker.send(Message(APPLY))
    assert angles_of(heard(receiver).figure.head)[0] == pytest.approx(2.0, abs=1e-3)


@pytest.mark.skipif(sys.platform == "darwin", reason="only 127.0.0.1 is there")
def test_a_second_sender_is_not_heard_while_the_first_one_speaks(receiver, tracker, monkeypatch):
    with closing(Tracker(receiver.address.port, "127.0.0.2")) as other:
        other.send_raw(b"rubbish")  # takes nobody's place
        tracker.send(*moment(20.0, jawOpen=1.0))
        assert heard(receiver) is not None
        other.send(*moment(-20.0))
        assert heard(receiver, 0.1) is None
        monkeypatch.setattr("puppet.vmc_receiver.SILENT_S", 0.0)
        other.send(*moment(-20.0))
        figure = heard(receiver).figure
    assert angles_of(figure.head)[0] == pytest.approx(-20.0, abs=1e-3)
    assert figure.shapes == {}


def test_rubbish_is_one_sentence_in_the_log(receiver, tracker, caplog):
    caplog.set_level(logging.WARNING)
    for i in range(50):
        tracker.send_raw(b"\xff rubbish %d" % i)
    tracker.send_raw(bytes(60_000))
    tracker.send(*moment(4.0))
    assert heard(receiver).figure is not None
    assert receiver.bad == 51
    assert [record.message for record in caplog.records] == [
        f"a datagram at {receiver.address} is no OSC: a message begins with no address; 1 in all"
    ]


anything = st.one_of(st.text(max_size=5), st.floats(width=32), st.integers(-9, 9))
hostile = st.builds(
    Message,
    st.sampled_from([OK, BONE, BLEND, APPLY, "/VMC/Ext/T", "/else"]),
    st.lists(anything | st.sampled_from(["Head", "neck", "jawOpen", "A", 1e30, math.nan, math.inf]), max_size=9)
    .map(tuple)
    .filter(lambda values: not any(isinstance(value, str) and "\0" in value for value in values)),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(hostile, max_size=12))
def test_whatever_is_said_the_pose_is_one_of_its_space(receiver, messages):
    datagram = write_bundle([write_message(message) for message in messages])
    receiver._take(receiver._read(datagram, 0.0), 0.0)
    assert receiver._setting.keys() <= KNOWN
    p = Translation(BUILTIN).pose_of(receiver._figure())
    assert np.isfinite(p).all()
    assert (np.abs(p[3:]) <= 1.0).all() and (np.abs(p[:3]) <= 180.0).all()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
def test_any_datagram_is_survived(receiver, datagram):
    receiver._take(receiver._read(datagram, 0.0), 0.0)


def test_it_listens_to_this_machine_alone_unless_told_otherwise(receiver):
    assert receiver.name == f"osc://127.0.0.1:{receiver.address.port}"
    assert receiver._socket.getsockname()[0] == "127.0.0.1"


def test_a_port_that_is_taken_is_said():
    with socket.socket(type=socket.SOCK_DGRAM) as other:
        other.bind((HOST, 0))
        with pytest.raises(CameraError, match=r"cannot be listened at .*take another port"):
            VmcReceiver(Address(HOST, other.getsockname()[1]))
    with pytest.raises(CameraError, match="cannot be listened at"):
        VmcReceiver(Address("no.such.host.invalid", 39539))
