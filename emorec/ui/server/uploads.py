"""Uploads: their size limits, a timeout for uploads that stall, and the removal of unfinished files."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator

import anyio
from starlette.types import Message, Receive

from emorec.ui.server import log, running_clock
from emorec.ui.server.bodies import Refused
from emorec.ui.server.temp_dir import ServerTempDir

STALL_TIMEOUT = 60.0  # seconds without a byte before an upload is aborted
OVERHEAD = 1 << 20  # bytes of a request in addition to its file
MAX_DISCARDED = 16 << 20  # bytes of a refused upload that are still received, so that the client reads the reason
DISCARD_TIMEOUT = 5.0  # seconds
SWEEP = 60.0  # seconds between two removals of unfinished files
TOO_LARGE = "The file is larger than the {most:.0f} MB that may be uploaded here."
FULL = "There is no room for more uploads on this server now; try again later, or with a smaller file."
TAKEN = "The server's folder for uploads was replaced by another account; its owner has to start the server again."
NOT_TAKEN = "The upload could not be taken; send one file with a name, as browsers do, or try again later."
STOPPED = "The upload stopped arriving; send it again."


class Uploads:
    """Limits uploads into a ``ServerTempDir``: ``max_bytes`` for one file, ``quota`` bytes for all files together.

    An upload from which nothing arrives for STALL_TIMEOUT seconds is aborted.
    """

    def __init__(self, temp_dir: ServerTempDir, *, max_bytes: int, quota: int):
        self._temp_dir, self._max_bytes, self._quota = temp_dir, max_bytes, quota
        self._active: dict[Upload, int] = {}  # bytes that each accepted upload has, or has announced
        self._sweeping = asyncio.Lock()

    @property
    def active(self) -> int:
        """Number of uploads in progress."""
        return len(self._active)

    @contextlib.asynccontextmanager
    async def track(self, length: int | None) -> AsyncIterator["Upload"]:
        """Track one upload of ``length`` bytes (None if unknown) while it arrives.

        Afterwards its unfinished files are removed. Raises Refused.
        """
        if length is not None and length > self._max_bytes + OVERHEAD:
            raise self.too_large()
        upload = Upload(self)
        async with self._sweeping:  # files that are removed while no upload is in progress could be those of this one
            self._active[upload] = 0  # until it is accepted: an upload that does not fit takes no room from the others
        try:
            if not self._temp_dir.is_own():
                raise Refused(507, TAKEN)
            upload.stored = await anyio.to_thread.run_sync(self._temp_dir.used)
            self._reserve(upload, length or 0)
            yield upload
        finally:
            del self._active[upload]
            with anyio.CancelScope(shield=True):
                await self.sweep()

    def check(self, upload: "Upload") -> None:
        """Raise Refused if an upload is too large, or if what it has beyond its announced size exceeds the quota."""
        if upload.received > self._max_bytes + OVERHEAD:
            raise self.too_large()
        if upload.received > self._active[upload]:
            self._reserve(upload, upload.received)

    def _reserve(self, upload: "Upload", size: int) -> None:
        """Count ``size`` bytes for an upload; raises Refused, and counts nothing more, if the quota has no room."""
        if upload.stored + sum(self._active.values()) - self._active[upload] + size > self._quota:
            raise Refused(507, FULL)
        self._active[upload] = size

    def too_large(self) -> Refused:
        """The refusal of a file above the limit."""
        return Refused(413, TOO_LARGE.format(most=self._max_bytes / 1e6))

    def not_taken(self, upload: "Upload", status: int) -> Refused:
        """The refusal of an upload that Gradio answered with an error, ``status``: most often the disk is full."""
        try:
            full = shutil.disk_usage(self._temp_dir.path).free < max(OVERHEAD, self._active.get(upload, 0))
        except OSError:
            full = False
        return Refused(507, FULL) if full else Refused(status, NOT_TAKEN)

    async def sweep(self) -> None:
        """Remove unfinished files: all of them if no upload is in progress, else only old ones."""
        async with self._sweeping:
            await anyio.to_thread.run_sync(self._temp_dir.sweep, not self._active)

    async def keep_sweeping(self) -> None:
        """Sweep at regular intervals until cancelled; an error is logged, and does not end this."""
        while True:
            await asyncio.sleep(SWEEP)
            try:
                await self.sweep()
            except Exception as error:
                log.error("Unfinished uploads could not be removed", error)


class Upload:
    """One upload in progress: ``received`` bytes so far, ``stored`` bytes of other files when it began.

    ``refused`` is set when it is aborted; messages after that are not passed on.
    """

    def __init__(self, uploads: Uploads):
        self.received, self.stored = 0, 0
        self.refused: Refused | None = None
        self._uploads = uploads

    def counting(self, receive: Receive) -> Receive:
        """A ``receive`` that counts bytes, and reports a disconnect if the upload is too large or stalls."""

        async def receive_counted() -> Message:
            disconnect: Message = {"type": "http.disconnect"}
            if self.refused:
                return disconnect
            try:
                message = await running_clock.within(STALL_TIMEOUT, receive())
                self.received += len(message.get("body", b""))
                self._uploads.check(self)
            except TimeoutError:
                self.refused = Refused(408, STOPPED)
                return disconnect
            except Refused as refused:
                self.refused = refused
                return disconnect
            return message

        return receive_counted


async def discard(receive: Receive) -> None:
    """Receive some more of a refused upload: most clients read no response before they have sent everything."""
    discarded = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DISCARD_TIMEOUT):
            while discarded < MAX_DISCARDED:
                message = await receive()
                if message["type"] == "http.disconnect" or not message.get("more_body"):
                    return
                discarded += len(message.get("body", b""))
