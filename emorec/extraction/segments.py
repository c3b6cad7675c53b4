"""Where a recording is cut into segments, each of which stage 1 stores as a whole."""

SEGMENT_HOPS = 80  # voice hops, 20.48 s
# The first segment is short, so that there is something to show seconds after the start, and so is the second.
FIRST_STARTS = (0, 8, 32)


def start(number):
    """Voice hops before a segment: the first three start at 0, 8 and 32 hops, those behind at multiples of 80."""
    return FIRST_STARTS[number] if number < len(FIRST_STARTS) else (number - 2) * SEGMENT_HOPS


def holding(hops: float) -> int:
    """The number of the segment that a place, in voice hops from the beginning, lies in."""
    early = sum(begin <= hops for begin in FIRST_STARTS) - 1
    return max(early, int(hops // SEGMENT_HOPS) + 2 if hops >= start(len(FIRST_STARTS)) else 0)
