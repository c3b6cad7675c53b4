"""ZIP files whose entries have a date that the format can hold, whatever the clock of the computer says."""

from __future__ import annotations

import time
import zipfile
from typing import Any

FIRST, LAST = (1980, 1, 1, 0, 0, 0), (2107, 12, 31, 23, 59, 58)  # the dates that a ZIP file can hold


class DatedZipFile(zipfile.ZipFile):
    """A ``ZipFile`` to write. The clock of a computer without a battery may begin at 1970, which Python refuses."""

    def __init__(self, file: Any):
        super().__init__(file, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False)

    def writestr(self, zinfo_or_arcname: Any, *arguments: Any, **options: Any) -> None:
        """As that of ``ZipFile``; an entry that is given by its name has the date of now, or the nearest possible."""
        if isinstance(zinfo_or_arcname, str):
            now = min(max(FIRST, time.localtime()[:6]), LAST)
            zinfo_or_arcname = zipfile.ZipInfo(zinfo_or_arcname, now)
            zinfo_or_arcname.compress_type = self.compression
            zinfo_or_arcname.external_attr = 0o600 << 16
        super().writestr(zinfo_or_arcname, *arguments, **options)
