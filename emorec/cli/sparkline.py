"""The valence of a recording as one short line of characters, for a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emorec.inference.timeline import Timeline

WIDTH = 48  # characters, at most
BLOCKS, ASCII = "▁▂▃▄▅▆▇█", "_.-~=+*#"  # from unpleasant to pleasant
GAP = " "  # no evidence


def valence(timeline: Timeline, encoding: str | None = "utf-8") -> str:
    """A character for each part of a timeline, by its mean valence from -1 to 1; "" without evidence.

    A terminal whose ``encoding`` has no blocks gets ASCII characters.
    """
    import numpy as np

    from emorec.output.chart_data import columns

    level = columns(timeline, WIDTH).affect[:, 0] if len(timeline) else np.zeros(0)
    if not np.isfinite(level).any():
        return ""
    signs = BLOCKS if _has_blocks(encoding) else ASCII
    heights = np.clip((np.nan_to_num(level) + 1) / 2 * len(signs), 0, len(signs) - 1).astype(int)
    return "".join(signs[height] if known else GAP for height, known in zip(heights, np.isfinite(level), strict=True))


def on_terminal(timeline: Timeline) -> str:
    """The line of the summary, "" if standard output is not a terminal or there is no evidence."""
    if not sys.stdout.isatty():
        return ""
    line = valence(timeline, sys.stdout.encoding)
    return f"valence over time |{line}|" if line else ""


def _has_blocks(encoding: str | None) -> bool:
    try:
        BLOCKS.encode(encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return False
    return True
