"""A TCP proxy that is a bad network: it slows, swallows and resets what goes through it.

In comes the address of a server, out goes a port of our own that behaves like it until told otherwise. It
runs in a thread.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from monitor.demo.child import free_port

_CHUNK = 64 * 1024

#: SO_LINGER on, for no time: closing sends a reset.
_RESET = struct.pack("ii", 1, 0)


class Proxy:
    """Forwards connections to a server; a context manager that starts and ends it.

    Args:
        to: the server's port.
        host: where to listen.
        to_host: where the server is.
        enter: what the thread does first, so that its sockets are of another network.

    Attributes:
        port: the port on which it listens.
        delay_s: seconds that every piece of data is held back, in each direction.
        resets: connections that were reset in the middle of a COPY.
    """

    def __init__(
        self,
        to: int,
        *,
        host: str = "127.0.0.1",
        to_host: str = "127.0.0.1",
        enter: Callable[[], None] = lambda: None,
    ) -> None:
        self.port = free_port()
        self.delay_s = 0.0
        self.resets = 0
        self._host = host
        self._to = (to_host, to)
        self._enter = enter
        self._resets_wanted = 0
        self._open = asyncio.Event()
        self._open.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def stall(self) -> None:
        """From now on swallow everything, and close nothing: nobody is told."""
        self._loop.call_soon_threadsafe(self._open.clear)

    def resume(self) -> None:
        """Forward again; what connections had sent meanwhile arrives late."""
        self._loop.call_soon_threadsafe(self._open.set)

    def reset_copies(self, count: int) -> None:
        """Reset the next connections in which a client is in the middle of a COPY into the server."""
        self._resets_wanted = count

    def _run(self) -> None:
        self._enter()
        self._loop.run_forever()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, self._host, self.port)

    async def _close(self) -> None:
        self._server.close()
        self._open.set()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.wait_for(asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()}), 5)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._open.wait()
            up_reader, up_writer = await asyncio.open_connection(*self._to)
        except OSError:
            writer.transport.abort()
            return
        pair = (writer, up_writer)
        self._writers.update(pair)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._forward(reader, up_writer, pair, watched=True))
                both.create_task(self._forward(up_reader, writer, pair, watched=False))
        except* OSError:
            pass
        finally:
            self._writers.difference_update(pair)
            for end in pair:
                end.transport.abort()

    async def _forward(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        pair: tuple[asyncio.StreamWriter, asyncio.StreamWriter],
        *,
        watched: bool,
    ) -> None:
        copying = False
        while chunk := await reader.read(_CHUNK):
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            await self._open.wait()
            if copying and watched and self._resets_wanted:
                self._resets_wanted -= 1
                self.resets += 1
                writer.write(chunk[: len(chunk) // 2])
                for end in pair:
                    with suppress(OSError):
                        end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                    end.transport.abort()
                return
            copying = b"COPY " in chunk and b"FROM STDIN" in chunk
            writer.write(chunk)
            await writer.drain()
        # One side has ended: so does the other.
        for end in pair:
            end.close()
