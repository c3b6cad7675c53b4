"""The segments of a recording, each of which stage 1 stores as a whole."""

SEGMENT_HOPS = 80  # voice hops, 20.48 s
# First hops of the first segments, which are short so that there is something to show seconds after the start.
FIRST_STARTS = (0, 8, 32)


def first_hop(number: int) -> int:
    """The voice hop at which a segment starts: 0, 8 and 32 for the first three, then multiples of 80."""
    return FIRST_STARTS[number] if number < len(FIRST_STARTS) else (number - 2) * SEGMENT_HOPS


def segment_at(hops: float) -> int:
    """The number of the segment that contains a time, in voice hops from the beginning."""
    early = sum(begin <= hops for begin in FIRST_STARTS) - 1
    return max(early, int(hops // SEGMENT_HOPS) + 2 if hops >= first_hop(len(FIRST_STARTS)) else 0)
