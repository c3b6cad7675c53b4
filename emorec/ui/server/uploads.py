"""Uploads: how much may arrive, that what stops arriving is given up, and that nothing of it stays on the disk."""

import asyncio
import contextlib

import anyio

from emorec.ui.server.bodies import Refused
from emorec.ui.server.temp_dir import Room

STALLED = 60.0  # seconds without a byte after which an upload is given up
OVERHEAD = 1 << 20  # bytes that an upload may have beside its file
DISCARDED = 16 << 20  # bytes that are still taken of a refused upload, so that the client reads why
DISCARDED_WITHIN = 5.0  # seconds
SWEEP = 60.0  # seconds between two sweeps
TOO_LARGE = "The file is larger than the {most:.0f} MB that may be uploaded here."
FULL = "There is no room for more uploads on this server now; try again later, or with a smaller file."
NOT_TAKEN = "The upload could not be taken; send one file with a name, as browsers do, or try again later."
STOPPED = "The upload stopped arriving; send it again."


class Uploads:
    """Takes uploads into a ``Room``: files of at most ``most`` bytes, at most ``quota`` bytes of all files together."""

    def __init__(self, room: Room, *, most: int, quota: int, stalled: float = STALLED):
        self._room, self._most, self._quota, self._stalled = room, most, quota, stalled
        self._under_way: dict[object, int] = {}  # the bytes that each upload has, or will have

    @contextlib.asynccontextmanager
    async def taking(self, length: int | None):
        """Count one upload, of ``length`` bytes where that is known, while it arrives; gives its ``Upload``.

        Afterwards nothing unfinished of it is left. Raises Refused.
        """
        if length is not None and length > self._most + OVERHEAD:
            raise self.too_large()
        upload = Upload(self, length)
        self._under_way[upload] = length or 0
        try:
            upload.stored = await anyio.to_thread.run_sync(self._room.used)
            self.check(upload)
            yield upload
        finally:
            del self._under_way[upload]
            with anyio.CancelScope(shield=True):
                await self.sweep()

    def check(self, upload: "Upload") -> None:
        """Raises Refused where an upload has grown too large, or all of them have."""
        self._under_way[upload] = max(self._under_way[upload], upload.arrived)
        if upload.arrived > self._most + OVERHEAD:
            raise self.too_large()
        if upload.stored + sum(self._under_way.values()) > self._quota:
            raise Refused(507, FULL)

    def too_large(self) -> Refused:
        return Refused(413, TOO_LARGE.format(most=self._most / 1e6))

    async def sweep(self) -> None:
        """Remove what broken uploads left: all of it while none is under way."""
        await anyio.to_thread.run_sync(self._room.sweep, not self._under_way)

    async def keep_sweeping(self) -> None:
        """Sweep now and then, until cancelled."""
        while True:
            await asyncio.sleep(SWEEP)
            await self.sweep()


class Upload:
    """One upload that arrives: ``arrived`` bytes so far, ``stored`` bytes of other files when it began.

    ``refused`` is set once it is given up; what comes after that is not passed on.
    """

    def __init__(self, uploads: Uploads, length: int | None):
        self.length, self.arrived, self.stored = length, 0, 0
        self.refused: Refused | None = None
        self._uploads = uploads

    def counted(self, receive):
        """A ``receive`` that counts, and stops with a disconnect where too much or nothing more arrives."""

        async def counting():
            if self.refused:
                return {"type": "http.disconnect"}
            try:
                async with asyncio.timeout(self._uploads._stalled):
                    message = await receive()
                self.arrived += len(message.get("body", b""))
                self._uploads.check(self)
            except TimeoutError:
                self.refused = Refused(408, STOPPED)
            except Refused as refused:
                self.refused = refused
            return {"type": "http.disconnect"} if self.refused else message

        return counting


async def discard(receive) -> None:
    """Take some more of a refused upload: most clients read no answer before they have sent everything."""
    taken = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DISCARDED_WITHIN):
            while taken < DISCARDED:
                message = await receive()
                if message["type"] == "http.disconnect" or not message.get("more_body"):
                    return
                taken += len(message.get("body", b""))
