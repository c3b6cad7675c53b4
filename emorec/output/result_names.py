"""The names of result files: the recording, the fusion, and the person that a timeline is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from emorec import files
from emorec.inference.people import WORDS
from emorec.inference.timeline import Timeline
from emorec.output import names
from emorec.output.rows import person_of

MAX_BYTES = 255  # of a file name on most systems
MAX_PERSON_BYTES = 40  # of a file name that come from the name of a person
DEFAULT_FUSION = "late"  # not part of file names


def file_name(stem: str, timeline: Timeline, suffix: str) -> str:
    """The name of a result file: ``interview.csv``, or ``interview.face.person-2.csv`` for a fusion and a person.

    A person is named by number, by the name (see ``person_part``), or as "all", "main" or "speaker". ``stem`` may be
    any text, also a path; it becomes a valid file name (``names.file_stem``). A long stem and a long name are cut, so
    that the file name has at most MAX_BYTES with any suffix.
    """
    begin = names.file_stem(stem) + (f".{timeline.fusion}" if timeline.fusion != DEFAULT_FUSION else "")
    most = min(
        MAX_PERSON_BYTES, MAX_BYTES - len(begin.encode("utf-8", "surrogatepass")) - max(map(len, names.REPORTS)) - 1
    )
    person, own = timeline.choices.get("person"), person_of(timeline)
    if isinstance(person, int):
        person = f"person-{person}"
    elif person and person not in WORDS:
        others = {other: name for other, name in timeline.names.items() if other != own}
        person = person_part(person, own, others, WORDS, most)
    return f"{begin}.{person}{suffix}" if person else f"{begin}{suffix}"


def person_part(name: str, number: int | None, others: Mapping[int, str], words: Iterable[str], most: int) -> str:
    """A person's name as a part of a file name, of at most ``most`` bytes; characters that do not fit become "-".

    ``others`` are the names of all other persons by number. The person's ``number`` is appended if the part would else
    be the same, ignoring case, as one of the ``words`` or as the part of another person, with or without a number.
    """

    def fitting(name: str) -> str:
        return files.shortened(names.name_part(name) or "person", most)

    def numbered(name: str, number: int) -> str:
        return f"{files.shortened(fitting(name), most - len(f'-{number}'))}-{number}"

    taken = [fitting(other) for other in (*words, *others.values())]
    taken += [numbered(other, other_number) for other_number, other in others.items()]
    if number is None or fitting(name).casefold() not in (one.casefold() for one in taken):
        return fitting(name)
    return numbered(name, number)
