"""A proxy before the server of the page, which delays the end of a stream of answers.

The end arrives only after another event, as on a slow or uneven network.
"""

import asyncio
import contextlib
import threading
import time

END = b'data: {"msg":"close_stream"'
JOIN = b"POST /gradio_api/queue/join"
HOLD = 1.0  # seconds, if there is no other event
AFTER = 0.2  # seconds from the answer to the other event to the end


class _LateEnds:
    def __init__(self, target):
        self.target = target
        self.held = 0  # ends that came after another event
        self._joined = 0

    async def connect(self, reader, writer):
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.target)
        joins = []
        with contextlib.suppress(OSError):
            await asyncio.gather(self._up(reader, up_writer, joins), self._down(up_reader, writer, joins))

    async def _up(self, reader, writer, joins):
        with contextlib.closing(writer):
            while data := await reader.read(1 << 16):
                joins += [JOIN] * data.count(JOIN)
                writer.write(data)
                await writer.drain()

    async def _down(self, reader, writer, joins):
        with contextlib.closing(writer):
            while data := await reader.read(1 << 16):
                before, end, _ = data.partition(END)
                writer.write(before)
                if end:
                    await self._hold()
                writer.write(data[len(before) :])
                await writer.drain()
                if joins:
                    self._joined += len(joins)
                    joins.clear()

    async def _hold(self):
        joined, deadline = self._joined, time.monotonic() + HOLD
        while self._joined == joined:
            if time.monotonic() > deadline:
                return
            await asyncio.sleep(0.005)
        self.held += 1
        await asyncio.sleep(AFTER)


@contextlib.contextmanager
def serve_late_ends(port):
    """A server on another ``port`` before the page on this one; ``held`` counts the ends that came late."""
    ends, started = _LateEnds(port), threading.Event()

    async def serve():
        server = await asyncio.start_server(ends.connect, "127.0.0.1", 0)
        ends.port = server.sockets[0].getsockname()[1]
        ends.stop, ends.loop = asyncio.Event(), asyncio.get_running_loop()
        started.set()
        await ends.stop.wait()
        server.close()

    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    assert started.wait(10)
    try:
        yield ends
    finally:
        ends.loop.call_soon_threadsafe(ends.stop.set)
        thread.join(10)
