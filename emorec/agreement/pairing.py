"""Pairs of rows and labels that are about the same person."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import numpy as np

from emorec.agreement.labels import OTHER, Labels, label_rows
from emorec.agreement.results import Rows
from emorec.errors import EmorecError
from emorec.extraction.people import plain_name

NO_PERSON = "{name} has no person {person!r}; it has {persons}."
WHOSE = "{name} has several persons ({persons}); say with --person whom the labels in {labels} describe."
NO_SUCH_PERSONS = (
    "The labels in {labels} name {theirs}, but {name} has the persons {ours}; say with --person who is who, as in "
    "--person {example}."
)
NOT_LABELLED = (
    "The labels in {labels} name {theirs}, and not person {person} of {name}; call the person the same in both, "
    "choose another one with --person, or say who is who, as in --person {example}."
)
NOBODY_LABELLED = "The labels in {labels} name nobody {person!r}; they name {theirs}."
LEFT_PERSONS = "Labels of persons whom the result does not show are left out: {persons}."
NO_NAME = "(no name)"

Pair = tuple[Rows, Labels]


def pair_by_person(rows: Rows, labels: Labels, person: str | None) -> list[Pair]:
    """The rows and the labels that belong together, one pair for each person.

    ``person`` is the number or the name of a person in the result, and "0=Anna" says that the labels call person 0
    Anna; None pairs all persons that both name, or takes the only one. Raises EmorecError.
    """
    persons = _Persons(rows, labels)
    if person is None:
        return _pair_all(persons)
    person = plain_name(person)  # as the names in the result and in the labels
    if "=" in person and person not in {*persons.numbers, *rows.names.tolist(), *persons.labelled}:
        number_or_name, _, labelled = person.partition("=")
        return [_pair_as_given(persons, number_or_name, labelled)]
    return [_pair_one(persons, person)]


class _Persons:
    """Rows and labels with their persons: the ``numbers`` in the result, and the names that are ``labelled``."""

    def __init__(self, rows: Rows, labels: Labels):
        self.rows, self.labels = rows, labels
        self.numbers = sorted({each for each in rows.persons.tolist() if each}, key=_number_order)
        self.labelled = [each for each in dict.fromkeys(labels.persons.tolist()) if each]

    @property
    def listed(self) -> str:
        """The persons of the result for a sentence."""
        return ", ".join(_number_and_name(self.rows, each) for each in self.numbers) or "none"

    def rows_of(self, person: str) -> np.ndarray:
        """Which rows (N,) are about a person, given by number or name. Raises EmorecError if none is."""
        mine = (self.rows.persons == person) | (self.rows.names == person)
        if not mine.any():
            raise EmorecError(NO_PERSON.format(name=self.rows.name, person=person, persons=self.listed))
        return mine


def _pair_as_given(persons: _Persons, person: str, labelled: str) -> Pair:
    """The pair of a person whom the labels call ``labelled``. Raises EmorecError."""
    rows, labels = persons.rows, persons.labels
    mine, about = persons.rows_of(person), _name_any(labels, labelled)
    if not about.any():
        named = ", ".join(persons.labelled) or NO_NAME
        raise EmorecError(NOBODY_LABELLED.format(labels=labels.name, person=labelled, theirs=named))
    return rows.select(mine), labels.select(about)


def _pair_one(persons: _Persons, person: str) -> Pair:
    """The pair of a person, given by number or name. Raises EmorecError."""
    rows, labels = persons.rows, persons.labels
    mine = persons.rows_of(person)
    called = {person, *rows.names[mine].tolist(), *rows.persons[mine].tolist()}
    about = _name_any(labels, *called)
    if about.any():
        return rows.select(mine), labels.select(about)
    # If all labels name one person, they are about the chosen one, unless the result has another person of that name.
    others = {*persons.numbers, *rows.names.tolist()} - called
    if persons.labelled and (len(persons.labelled) > 1 or persons.labelled[0] in others):
        raise EmorecError(
            NOT_LABELLED.format(
                labels=labels.name,
                theirs=", ".join(persons.labelled),
                person=person,
                name=rows.name,
                example=shlex.quote(f"{person}={persons.labelled[0]}"),
            )
        )
    return rows.select(mine), labels


def _pair_all(persons: _Persons) -> list[Pair]:
    """A pair for each person whom both the result and the labels name. Raises EmorecError."""
    rows, labels, numbers, labelled = persons.rows, persons.labels, persons.numbers, persons.labelled
    several_at_once = len(np.unique(rows.start)) < len(rows)
    # Labels without a name, or with the name of one person who is not in the result, are about whoever a row is about.
    no_common_name = not {*labelled} & {*numbers, *rows.names.tolist()}
    if len(labelled) < 2 and (len(numbers) < 2 or (no_common_name and not several_at_once)):
        return [(rows, labels)]
    if not labelled:
        raise EmorecError(WHOSE.format(name=rows.name, persons=persons.listed, labels=labels.name))
    pairs = []
    for number in numbers:
        mine = rows.persons == number
        about = _name_any(labels, number, rows.names[mine][0])
        if about.any():
            pairs.append((rows.select(mine), labels.select(about)))
    if not pairs:
        raise EmorecError(
            NO_SUCH_PERSONS.format(
                labels=labels.name,
                theirs=", ".join(labelled),
                name=rows.name,
                ours=persons.listed,
                example=shlex.quote(f"{numbers[0] if numbers else ''}={labelled[0]}"),
            )
        )
    return pairs


def label_pairs(pairs: Sequence[Pair], shift: float = 0.0) -> np.ndarray:
    """The labels (N,) of the rows of all pairs, moved by ``shift`` (s), as numbers; see ``labels.label_rows``."""
    return np.concatenate([label_rows(labels, rows.start, rows.end, shift) for rows, labels in pairs])


def has_emotion(labelled: np.ndarray) -> np.ndarray:
    """Which labels (N,) of ``label_pairs`` are one of the seven emotions."""
    return (labelled >= 0) & (labelled < OTHER)


def can_compare(labelled: np.ndarray, rows: Rows) -> np.ndarray:
    """Which rows (N,) can be compared: both their label and their result are one of the seven emotions."""
    return has_emotion(labelled) & (rows.dominant >= 0)


def _number_order(person: str) -> tuple[bool, int, str]:
    """A key that sorts numbers of persons by their value, and names after them."""
    return not person.isdecimal(), int(person) if person.isdecimal() else 0, person


def left_persons(read: Labels, pairs: Sequence[Pair]) -> list[str]:
    """A sentence about the labels that are in none of the pairs, if there are any."""
    used = np.concatenate([labels.persons for _, labels in pairs])
    left = [each or NO_NAME for each in dict.fromkeys(read.persons[~np.isin(read.persons, used)].tolist())]
    return [LEFT_PERSONS.format(persons=", ".join(left))] if left else []


def _name_any(labels: Labels, *names: str) -> np.ndarray:
    """Which labels (M,) name one of these persons."""
    return np.isin(labels.persons, [name for name in names if name])


def _number_and_name(rows: Rows, person: str) -> str:
    """A person of the result for a sentence: "0 (Anna)"."""
    name = next(iter(rows.names[rows.persons == person]), "")
    return person if name in ("", f"person {person}") else f"{person} ({name})"
