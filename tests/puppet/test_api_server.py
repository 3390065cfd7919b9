import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK, InvalidStatus
from websockets.sync.client import connect

from puppet.api_server import MOST_CLIENTS, ApiServer
from puppet.errors import RemoteError
from puppet.remote import RemoteState

ROOT = Path(__file__).parents[2]
TOKEN = "a-token"
STATE = RemoteState("running", "", "live", "", 30.0, "")


class Still:
    """A remote that only says how things stand."""

    def state(self):
        return STATE


@pytest.fixture
def server():
    with closing(ApiServer(0, TOKEN, Still())) as server:
        yield server


def client(port, token=TOKEN, **options):
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return connect(f"ws://127.0.0.1:{port}", additional_headers=headers, proxy=None, **options)


def ask(connection, do="state"):
    connection.send(json.dumps({"do": do}))
    return json.loads(connection.recv(10))


def test_who_has_the_token_is_answered(server):
    with client(server.port) as connection:
        assert [ask(connection)["ok"], ask(connection, "dance")["ok"]] == [True, False]


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"token": None}, 401),
        ({"token": "a-tokeN"}, 401),
        ({"token": "ä"}, 401),
        ({"origin": "http://127.0.0.1"}, 403),
        ({"origin": "https://example.org"}, 403),
        ({"origin": "null"}, 403),
    ],
)
def test_who_has_not_and_every_web_page_is_turned_away(server, options, status):
    with pytest.raises(InvalidStatus) as refused, client(server.port, **options):
        pass
    assert refused.value.response.status_code == status


def test_it_listens_to_this_machine_alone(server):
    assert server._socket.getsockname() == ("127.0.0.1", server.port)
    with pytest.raises(RemoteError, match=f"port {server.port} cannot be listened at"):
        ApiServer(server.port, TOKEN, Still())


def test_rubbish_harms_nobody(server, capfd):
    for rubbish in (b"", b"\xff" * 3000, b"GET / HTTP/1.1\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", server.port)) as stranger:
            stranger.sendall(rubbish)
    with client(server.port) as connection:
        connection.send("x" * 5000)
        with pytest.raises(ConnectionClosedError):
            connection.recv(10)
    with client(server.port) as connection:
        connection.send(b"\xff")
        assert "expected an object" in json.loads(connection.recv(10))["error"]
        assert ask(connection)["ok"]
    assert capfd.readouterr().err == ""


def test_clients_are_bounded_and_leave_at_the_end():
    server = ApiServer(0, TOKEN, Still())
    with ExitStack() as stack:
        clients = [stack.enter_context(client(server.port)) for _ in range(MOST_CLIENTS)]
        assert all(ask(connection)["ok"] for connection in clients)
        with pytest.raises(InvalidStatus) as refused, client(server.port):
            pass
        assert refused.value.response.status_code == 503
        server.close()
        server.close()
        with pytest.raises(ConnectionClosedOK):
            clients[0].recv(10)
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", server.port))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def program(words):
    """The real program in a process of its own."""
    command = [sys.executable, "-m", "puppet", *map(str, words)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for(wanted, patience_s=60.0):
    """The first answer of the example client in which something stands."""
    end_s = time.monotonic() + patience_s
    while time.monotonic() < end_s:
        if (answer := wanted()) is not None:
            return answer
        time.sleep(0.1)
    raise AssertionError("it did not come")


def test_the_example_client_controls_the_real_program(bundle_folder, tmp_path):
    """`puppet token` and the client of the documentation, against a run without a window."""
    data, port, sender = tmp_path / "data", free_port(), free_port()
    command = [sys.executable, "-m", "puppet", "token", "--data-dir", data]
    token = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    def example(*words):
        command = [sys.executable, ROOT / "docs" / "api_client.py", str(port), *words]
        environment = os.environ | {"PUPPET_TOKEN": token}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        return done.returncode, json.loads(done.stdout)

    def state_with(**fields):
        with suppress(ConnectionRefusedError), client(port, token) as connection:
            state = ask(connection)["state"]
            return state if all(state[name] == value for name, value in fields.items()) else None

    # Nobody sends, so the portrait rests and the run goes on.
    words = ["--camera", f"osc://:{sender}", "--look", "avatar", "--bundle", bundle_folder, "--data-dir", data]
    with program([*words, "--size", "320x180", "--headless", "--output", "none", "--api", port]) as process:
        first = wait_for(lambda: state_with(phase="running", shows="resting"))
        with client(port, token) as connection:
            names = {entry["name"]: entry["key"] for entry in ask(connection, "avatars")["avatars"]}
        assert len(names) == 8 and first["avatar"] == names["Juno"]
        assert example("use", "iris") == (0, {"ok": True})
        assert wait_for(lambda: state_with(avatar=names["Iris"]))["fps"] > 0
        with client(port, token) as connection:
            assert ask(connection, "pause") == {"ok": True}
            assert wait_for(lambda: state_with(phase="paused", shows="slate"))["reason"] == "paused"
            assert ask(connection, "resume") == ask(connection, "recentre") == {"ok": True}
        wait_for(lambda: state_with(phase="running", shows="resting"))
        code, answer = example("use", "Nobody")
        assert code == 1 and "no avatar is called 'Nobody'" in answer["error"]
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert re.match(r"0 frames in, \d+ pictures out", out)
    assert names["Iris"].split()[0] in (data / "last.json").read_text()


def test_the_example_is_twenty_lines():
    assert len((ROOT / "docs" / "api_client.py").read_text().splitlines()) <= 20
