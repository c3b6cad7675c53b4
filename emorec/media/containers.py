"""Which files are recordings: the containers that may be opened, and one sentence about every other file."""

import os
import stat
from pathlib import Path

from emorec.errors import EmorecError

# FFmpeg's names of the containers that are opened. None of them can point to another file or address, as a playlist
# (hls, concat, sdp) does.
CONTAINERS = (
    *("mov", "mp4", "m4a", "3gp", "3g2", "mj2", "matroska", "webm", "avi", "flv", "asf", "mpegts", "mpeg"),
    *("mpegvideo", "h264", "hevc", "ivf", "obu", "dv", "mxf", "gif"),
    *("mp3", "wav", "w64", "ogg", "flac", "aac", "ac3", "eac3", "aiff", "amr", "amrnb", "amrwb", "caf"),
    *("au", "wv", "tta"),
)

# Endings of the names of files in those containers, by which recordings are found in a folder; what a file really is
# shows when it is opened.
SUFFIXES = frozenset(
    {
        *(".mov", ".mp4", ".m4v", ".m4a", ".m4b", ".3gp", ".3g2", ".mj2", ".mkv", ".mka", ".webm", ".weba", ".avi"),
        *(".flv", ".f4v", ".wmv", ".wma", ".asf", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".mpe", ".vob", ".m2v"),
        *(".dv", ".mxf", ".ogv", ".mp3", ".mp2", ".wav", ".w64", ".ogg", ".oga", ".opus", ".flac", ".aac", ".ac3"),
        *(".eac3", ".aif", ".aiff", ".aifc", ".amr", ".caf", ".au", ".wv", ".tta"),
    }
)

# Restricts FFmpeg to those containers and to the one local file.
OPEN_OPTIONS = {"format_whitelist": ",".join(CONTAINERS), "protocol_whitelist": "file"}

MAX_STREAMS = 64
MAX_CHANNELS = 64
MAX_SAMPLE_RATE = 768_000  # Hz

# Containers whose timestamps are the same after seeking; in the others FFmpeg guesses them, so these are read from
# the beginning.
SEEKABLE = {"mov", "matroska", "avi", "flv", "asf", "wav", "w64", "flac", "aiff", "caf", "au"}

# Those of them whose packets have times of their own, which may be reset in the middle; see ``clock``.
RESETTABLE = {"matroska", "flv", "asf", "flac"}

# Containers whose header states the duration, so that a missing end is noticed; see also the module ``stated_size``.
WITH_DURATION = {"mov", "matroska", "flv", "mxf", "ivf", "flac", "aiff", "au", "wv", "tta"}

# Containers without any duration: FFmpeg guesses one from the bit rate or takes the last time of what may be the last
# of several parts, so the packets are counted instead.
WITHOUT_DURATION = {"aac", "ac3", "eac3", "mpegvideo", "h264", "hevc", "obu", "ogg", "mpegts", "mpeg"}

PICTURES = {
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"\0\0\x01\0": "icon",
    b"8BPS": "Photoshop",
    b"\0\0\0\x0cJXL ": "JPEG XL",
}
# Brands of ISO files that hold pictures (ISO/IEC 23008-12), though FFmpeg opens them as movies.
PICTURE_BRANDS = {b"avif": "AVIF", b"heic": "HEIC", b"heix": "HEIC", b"mif1": "HEIF", b"msf1": "HEIF", b"avis": "AVIF"}

OTHERS = {
    b"PK\x03\x04": "a zip archive or an office document",
    b"PK\x05\x06": "a zip archive",
    b"%PDF": "a PDF document",
    b"\x1f\x8b": "a gzip archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a rar archive",
    b"\x7fELF": "a program",
    b"MZ": "a program",
}
SCRIPTS = {
    b"#EXTM3U": "a playlist",
    b"[playlist]": "a playlist",
    b"ffconcat": "a list of files",
    b"v=0": "a stream description",
}
# First bytes of CONTAINERS; ISO and RIFF files are recognised by their fifth byte and the following.
RECORDINGS = (
    *(b"\x1aE\xdf\xa3", b"OggS", b"fLaC", b"FLV", b"ID3", b"FORM", b"caff", b"DKIF", b"#!AMR"),
    *(b"\x30\x26\xb2\x75", b"riff\x2e\x91\xcf\x11", b".snd", b"wvpk", b"TTA1", b"\x1f\x07\x00"),
    b"\x06\x0e\x2b\x34",
)

ISO_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"styp", b"sidx", b"moof")
RIFF_KINDS = (b"AVI ", b"WAVE", b"WEBP")
ENCRYPTED_TAGS = ("encv", "enca", "drmi", "drms")  # codecs of ISO files that hide another one behind a key

HEAD = 4096  # bytes that are read to recognise a file

KINDS = "a video (mp4, mov, mkv, webm, avi, ...) or sound (mp3, wav, m4a, ogg, flac, ...)"


def check_there(path: Path) -> os.stat_result:
    """The ``os.stat`` of an ordinary file. Raises ``EmorecError`` for anything else."""
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise EmorecError(f"There is no file {path}; check the name.") from error
    except OSError as error:
        raise EmorecError(f"{path} cannot be opened: {error.strerror}.") from error
    if stat.S_ISDIR(status.st_mode):
        raise EmorecError(f"{path} is a directory; give one file in it.")
    if not stat.S_ISREG(status.st_mode):
        raise EmorecError(f"{path} is not an ordinary file; give {KINDS}.")
    return status


def check_file(path: Path) -> None:
    """Raise ``EmorecError`` unless ``path`` is an ordinary file that is there, can be read, is not empty and is not of
    a kind that is known to be no recording."""
    if check_there(path).st_size == 0:
        raise EmorecError(f"{path.name} is empty (0 bytes); was it copied or recorded completely?")
    head = read_head(path)
    if picture := _picture(head):
        raise picture_error(path, picture)
    for signature, what in {**OTHERS, **SCRIPTS}.items():
        if head.startswith(signature):
            raise EmorecError(f"{path.name} is {what}, not a recording; give {KINDS}.")


def picture_error(path: Path, kind: str) -> EmorecError:
    """The error for a file that holds a single picture."""
    return EmorecError(f"{path.name} is a picture ({kind}), not a recording; give {KINDS}.")


def encrypted_error(path: Path) -> EmorecError:
    """The error for a file of which nothing can be read without a key."""
    return EmorecError(f"{path.name} is encrypted, so it cannot be read; give a recording without copy protection.")


def is_encrypted(stream) -> bool:
    """Whether a whole stream cannot be decoded without a key: by Matroska's and WebM's encryption or Apple's. ISO
    common encryption is noted with each packet instead."""
    if "enc_key_id" in stream.metadata:
        return True
    try:
        return stream.codec_context is not None and stream.codec_context.codec_tag in ENCRYPTED_TAGS
    except UnicodeDecodeError:  # the tag of aac in an avi file, for one, is a number and no ASCII
        return False


def picture_kind(path: Path) -> str | None:
    """What kind of picture a file is by its first bytes, None if it is none; any GIF may be animated."""
    return _picture(read_head(path))


def is_animated_webp(path: Path) -> bool:
    """Whether a file is an animated WebP."""
    return _is_animated_webp(read_head(path))


def unreadable_error(path: Path) -> EmorecError:
    """The error for a file that passed ``check_file`` but that FFmpeg would not open."""
    head = read_head(path)
    if head.startswith(b"GIF8"):
        return picture_error(path, "GIF")
    if head.startswith(RECORDINGS) or head[4:8] in ISO_BOXES or (head[:4] == b"RIFF" and head[8:12] in RIFF_KINDS):
        return EmorecError(
            f"{path.name} is too damaged to be read: the part that describes the recording is missing or broken; "
            "was it copied or recorded completely?"
        )
    kind = "text" if _is_text(head) else "no kind of file that can be read"
    return EmorecError(f"{path.name} is {kind}, not a recording; give {KINDS}.")


def check_streams(streams, path: Path) -> None:
    """Raise ``EmorecError`` where a file says that it holds more than any recording does."""
    sounds = [stream.codec_context for stream in streams if stream.type == "audio" and stream.codec_context is not None]
    if len(streams) > MAX_STREAMS:
        raise EmorecError(f"{path.name} holds more than {MAX_STREAMS} streams; give a recording with fewer.")
    if any(sound.channels > MAX_CHANNELS or (sound.sample_rate or 0) > MAX_SAMPLE_RATE for sound in sounds):
        raise EmorecError(
            f"{path.name} holds sound of more than {MAX_CHANNELS} channels or {MAX_SAMPLE_RATE / 1000:.0f} kHz; "
            "convert it with another program first."
        )


def short_name(names: str, path: Path) -> str:
    """One name for a container that FFmpeg gives several: the one that the file's suffix says, else the first."""
    suffix = path.suffix[1:].lower()
    return suffix if suffix in names.split(",") else names.split(",")[0]


def read_head(path: Path, first: int = 0) -> bytes:
    """The HEAD bytes of a file from the byte ``first`` on. Raises ``EmorecError`` if it cannot be opened."""
    try:
        with open(path, "rb") as file:
            file.seek(first)
            return file.read(HEAD)
    except OSError as error:
        raise EmorecError(f"{path} cannot be opened: {error.strerror}.") from error


def _picture(head: bytes) -> str | None:
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return None if _is_animated_webp(head) else "WebP"
    if head[4:8] == b"ftyp" and head[8:12] in PICTURE_BRANDS:
        return PICTURE_BRANDS[head[8:12]]
    return next((name for signature, name in PICTURES.items() if head.startswith(signature)), None)


def _is_animated_webp(head: bytes) -> bool:
    # The extended header's flag for animation (WebP container specification, "Extended File Format").
    return head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X" and bool(head[20:21] and head[20] & 0x02)


def _is_text(head: bytes) -> bool:
    try:
        text = head[: head.rfind(b"\n") + 1 or None].decode()
    except UnicodeDecodeError:
        return False
    return all(character.isprintable() or character.isspace() for character in text)
