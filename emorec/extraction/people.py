"""What a user says about the persons of a recording: their names, and which tracks are whose.

``people_tracks`` finds these tracks in the features of a recording.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from emorec.errors import EmorecError

Box = tuple[float, float, float, float]

WORDS = ("all", "main", "speaker")  # choices of a person that are no names
MAX_NAME = 60  # characters
MAX_PERSONS = 1000  # that may be described, so that a file cannot make the program slow

# Numbers of persons who are heard and not seen: of the channels of a call.
LEFT_VOICE, RIGHT_VOICE = 100_001, 100_002
VOICE_NAMES = {LEFT_VOICE: "voice left", RIGHT_VOICE: "voice right"}

PERSON_NAME = re.compile(r"person \d+", re.IGNORECASE)  # the default name of a person who is seen
# Persian, Sinhala and other languages need these two within words, and emoji are composed with the second one.
JOINERS = {"\u200c", "\u200d"}
NEEDLESS_JOINERS = re.compile("(^|[\0-\x7f])[\u200c\u200d]+")  # at the beginning, or after a Latin letter or a digit
BAD_NAME = (
    "{name!r} cannot be a person's name; give 1 to {most} characters that are not a number, all, main or speaker."
)


@dataclass(frozen=True)
class Track:
    """Stands for a track of faces within a shot: the ``time`` (s) and the ``box`` of its first face.

    The box is (left, top, width, height) as fractions of the picture. Time and place are found again in another run,
    also if another part of the recording is analysed; the tracker's own numbers are not. ``end`` (s) is when its last
    face is seen, None if that is not known; it tells which tracks run on where a part begins.
    """

    time: float
    box: Box
    end: float | None = field(default=None, compare=False)


@dataclass(frozen=True, kw_only=True)
class Person:
    """A person as the user sees it: ``name`` is "" if there is none.

    ``tracks`` are all of the person's tracks; None means those that were found for this number.
    """

    number: int
    name: str = ""
    tracks: tuple[Track, ...] | None = None


@dataclass(frozen=True)
class People:
    """The persons that a user has named, joined or divided; all others stay as they were found.

    ``highest`` is the highest number that one of them had before the last edit, -1 if nobody had one.
    ``recording`` is the name of the recording that a names file is of, "" if that is not known.
    """

    persons: tuple[Person, ...] = ()
    highest: int = -1
    recording: str = field(default="", compare=False)

    def __bool__(self) -> bool:
        return bool(self.persons)

    def __iter__(self) -> Iterator[Person]:
        return iter(self.persons)

    def names(self) -> dict[int, str]:
        """The names that the user gave, by number."""
        return {person.number: person.name for person in self.persons if person.name}

    def names_of(self, numbers: Sequence[int]) -> dict[int, str]:
        """The name of each of these persons: the one that the user gave, or the default one.

        A given name that is the default name of one of the others is not used, so that no two have the same.
        """
        given = {number: name for number, name in self.names().items() if number in numbers}
        while True:
            default = {default_name(number).casefold() for number in numbers if number not in given}
            free = {number: name for number, name in given.items() if name.casefold() not in default}
            if len(free) == len(given):
                return {number: given.get(number, default_name(number)) for number in numbers}
            given = free  # of those whose name is not used, the default names count too


NOBODY = People()


def default_name(number: int) -> str:
    """The name of a person who has none."""
    return VOICE_NAMES.get(number, f"person {number}")


def is_default_of_another(name: str, number: int) -> bool:
    """Whether a name is the default one of another person than ``number``, also of one whom nobody has seen yet."""
    default = PERSON_NAME.fullmatch(name) or name.casefold() in VOICE_NAMES.values()
    return bool(default) and name.casefold() != default_name(number)


def plain_name(name: str) -> str:
    """A name as it is stored and compared: in NFC, without blanks around it, and without invisible characters.

    What is pasted from a text that runs from right to left often contains such characters, and nobody sees them.
    macOS may write "é" as two characters (NFD) where others write one.
    """
    seen = (letter for letter in name if unicodedata.category(letter) != "Cf" or letter in JOINERS)
    text = NEEDLESS_JOINERS.sub(r"\1", "".join(seen))
    return unicodedata.normalize("NFC", " ".join(text.split()))


def checked_name(name: object) -> str:
    """A name as in ``plain_name``. Raises EmorecError if a person cannot be called that."""
    text = plain_name(name) if isinstance(name, str) else ""
    number = text.removeprefix("-").isdigit()
    visible = "".join(letter for letter in text if letter not in JOINERS)
    if not visible or len(text) > MAX_NAME or number or text.casefold() in WORDS or not visible.isprintable():
        raise EmorecError(BAD_NAME.format(name=str(name)[: MAX_NAME + 1], most=MAX_NAME))
    return text
