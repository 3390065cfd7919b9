"""Remote control over a WebSocket, for programs of this machine: requests in, answers out; see puppet.remote.

    client ── handshake: no Origin, the token ──> loop's thread ── one verb at a time ──> the hand's thread

Web pages cannot reach it: a browser names the page in Origin, and cannot send the token.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from puppet.addresses import LOOPBACK
from puppet.errors import RemoteError
from puppet.remote import LONGEST, Remote, obey

MOST_CLIENTS = 8
HANDSHAKE_S = 5.0
LEAVE_S = 5.0
"""How long a verb may go on after the end is wanted."""

_log = logging.getLogger(__name__)
_library = logging.getLogger("puppet.api_server.websockets")
_library.setLevel(logging.CRITICAL)  # a stranger's bad handshake is not worth a trace


class ApiServer:
    """Listens from its construction on, on a thread of its own."""

    def __init__(self, port: int, token: str, remote: Remote) -> None:
        """Bind the port, of this machine alone, and start the thread.

        Args:
            port: 0 takes any.
            token: Who knows it is obeyed.
            remote: Used by one thread, not after `close`.

        Raises:
            RemoteError: Another program has the port.
        """
        try:
            self._socket = socket.create_server((LOOPBACK, port))
        except OSError as error:
            raise RemoteError(f"port {port} cannot be listened at ({error.strerror}); take another --api") from error
        self.port: int = self._socket.getsockname()[1]
        self._expected, self._remote = f"Bearer {token}".encode(), remote
        self._loop, self._ending = asyncio.new_event_loop(), asyncio.Event()
        self._hand = ThreadPoolExecutor(1, "api")
        self._clients = 0
        self._thread = threading.Thread(target=self._run, name="api", daemon=True)
        self._thread.start()
        _log.info("remote control listens at port %d", self.port)

    def close(self) -> None:
        """Let go of all clients and of the port. A second call does nothing."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._ending.set)
            self._thread.join(LEAVE_S)

    def _run(self) -> None:
        """The thread's outermost frame."""
        try:
            self._loop.run_until_complete(self._serve())
        except Exception:  # noqa: BLE001 (the stream goes on without it)
            _log.exception("remote control has ended")
        finally:
            self._hand.shutdown(cancel_futures=True)
            self._socket.close()
            self._loop.close()

    async def _serve(self) -> None:
        async with serve(
            self._talk,
            sock=self._socket,
            origins=[None],
            process_request=self._admit,
            open_timeout=HANDSHAKE_S,
            close_timeout=1.0,
            max_size=LONGEST,
            max_queue=4,
            compression=None,
            server_header=None,
            logger=_library,
        ):
            await self._ending.wait()

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        given = request.headers.get_all("Authorization")
        if len(given) != 1 or not hmac.compare_digest(given[0].encode(), self._expected):
            return connection.respond(HTTPStatus.UNAUTHORIZED, "the token is missing or wrong: puppet token\n")
        if self._clients >= MOST_CLIENTS:
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, f"{MOST_CLIENTS} clients are here already\n")
        return None

    async def _talk(self, connection: ServerConnection) -> None:
        self._clients += 1
        try:
            async for words in connection:
                answer = await self._loop.run_in_executor(self._hand, obey, self._remote, words)
                await connection.send(answer)
        except ConnectionClosed:
            return
        finally:
            self._clients -= 1
