"""How many bytes a file says that it has; fewer mean that its end is missing."""

from pathlib import Path

from emorec.media.containers import read_head

RIFF_UNKNOWN = 0x7FFFF000  # larger sizes are written if the size was unknown
W64, W64_UNKNOWN = b"riff\x2e\x91\xcf\x11", 1 << 62  # the size has 64 bits, 16 bytes after the start

# Programs that write a wav file to a pipe state a round number of bytes from here on (arecord: 2000000000).
PLACEHOLDER_FROM = 500_000_000
PLACEHOLDER_UNITS = (1_000_000, 1 << 20)

# The object of an asf file that states the file's size, 40 bytes after its start.
ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")

XING_WITHIN = 64  # bytes of the first frame of an mp3 within which its Xing header begins


def stated_size(path: Path) -> int | None:
    """The size in bytes that the header of a RIFF (avi, wav), w64, asf or mp3 file states, if it does."""
    head = read_head(path)
    if head[:4] == b"RIFF":
        size = int.from_bytes(head[4:8], "little")
        return size + 8 if 0 < size < RIFF_UNKNOWN and not _is_placeholder(head) else None
    if head.startswith(W64):
        size = int.from_bytes(head[16:24], "little")
        return size if 0 < size < W64_UNKNOWN else None
    if (at := head.find(ASF_PROPERTIES)) >= 0:
        return int.from_bytes(head[at + 40 : at + 48], "little") or None
    return _stated_mp3_size(path, head)


def _is_placeholder(head: bytes) -> bool:
    """Whether the size of a wav file's data was written before anything was recorded, and never corrected."""
    at = head.find(b"data")
    size = int.from_bytes(head[at + 4 : at + 8], "little") if at >= 0 else 0
    return size >= PLACEHOLDER_FROM and any(size % unit == 0 for unit in PLACEHOLDER_UNITS)


def _stated_mp3_size(path: Path, head: bytes) -> int | None:
    first = 0
    if head[:3] == b"ID3":
        # Seven bits in each of four bytes (ID3v2.3, section 3.1).
        first = 10 + sum(byte << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=False))
        head = read_head(path, first)
    at = max(head.find(tag, 0, XING_WITHIN) for tag in (b"Xing", b"Info"))
    if head[:1] != b"\xff" or at < 0:
        return None
    flags = int.from_bytes(head[at + 4 : at + 8], "big")
    has_frames, has_bytes = flags & 1, flags & 2
    field = at + 8 + 4 * has_frames
    return first + int.from_bytes(head[field : field + 4], "big") if has_bytes else None
