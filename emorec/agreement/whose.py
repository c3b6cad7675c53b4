"""Whose labels belong to whose rows: the persons of a result and those that labels name."""

from __future__ import annotations

import shlex

import numpy as np

from emorec.agreement.labels import Labels
from emorec.agreement.results import Rows
from emorec.errors import EmorecError

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


def _order(person: str) -> tuple[bool, int, str]:
    """A key that sorts numbers of persons by their value, and names after them."""
    return not person.isdecimal(), int(person) if person.isdecimal() else 0, person


def pairs(rows: Rows, labels: Labels, person: str | None) -> list[tuple[Rows, Labels]]:
    """The rows and the labels that belong together, one pair for each person.

    ``person`` is a number or a name in the result; "0=Anna" also says whom the labels call what. Raises EmorecError.
    """
    ours = sorted({each for each in rows.persons.tolist() if each}, key=_order)
    theirs = [each for each in dict.fromkeys(labels.persons.tolist()) if each]
    several = len(np.unique(rows.start)) < len(rows)
    listed = ", ".join(_called(rows, each) for each in ours) or "none"
    if person is not None and "=" in person and person not in {*ours, *rows.names.tolist(), *theirs}:
        person, _, labelled = person.partition("=")
        mine = (rows.persons == person) | (rows.names == person)
        about = _is_of(labels, labelled)
        if not mine.any():
            raise EmorecError(NO_PERSON.format(name=rows.name, person=person, persons=listed))
        if not about.any():
            named = ", ".join(theirs) or NO_NAME
            raise EmorecError(NOBODY_LABELLED.format(labels=labels.name, person=labelled, theirs=named))
        return [(rows.chosen(mine), labels.chosen(about))]
    if person is not None:
        mine = (rows.persons == person) | (rows.names == person)
        if not mine.any():
            raise EmorecError(NO_PERSON.format(name=rows.name, person=person, persons=listed))
        called = {person, *rows.names[mine].tolist(), *rows.persons[mine].tolist()}
        about = _is_of(labels, *called)
        # Labels of one person count as those of the chosen one, who may be called something else in the result.
        others = {*ours, *rows.names.tolist()} - called
        if theirs and not about.any() and (len(theirs) > 1 or theirs[0] in others):
            raise EmorecError(
                NOT_LABELLED.format(
                    labels=labels.name,
                    theirs=", ".join(theirs),
                    person=person,
                    name=rows.name,
                    example=shlex.quote(f"{person}={theirs[0]}"),
                )
            )
        return [(rows.chosen(mine), labels.chosen(about) if about.any() else labels)]
    # Labels of one person who is called something else here, like those of nobody, describe whomever a row is of.
    unknown = not {*theirs} & {*ours, *rows.names.tolist()}
    if len(theirs) < 2 and (len(ours) < 2 or unknown and not several):
        return [(rows, labels)]
    if not theirs:
        raise EmorecError(WHOSE.format(name=rows.name, persons=listed, labels=labels.name))
    found = []
    for each in ours:
        mine = rows.persons == each
        about = _is_of(labels, each, rows.names[mine][0])
        if about.any():
            found.append((rows.chosen(mine), labels.chosen(about)))
    if not found:
        raise EmorecError(
            NO_SUCH_PERSONS.format(
                labels=labels.name,
                theirs=", ".join(theirs),
                name=rows.name,
                ours=listed,
                example=shlex.quote(f"{ours[0] if ours else ''}={theirs[0]}"),
            )
        )
    return found


def left_persons(read: Labels, found: list[tuple[Rows, Labels]]) -> list[str]:
    """A sentence about the labels that belong to none of the pairs, if there are any."""
    used = np.concatenate([labels.persons for _, labels in found])
    left = [each or NO_NAME for each in dict.fromkeys(read.persons[~np.isin(read.persons, used)].tolist())]
    return [LEFT_PERSONS.format(persons=", ".join(left))] if left else []


def _is_of(labels: Labels, *names: str) -> np.ndarray:
    """Which labels name one of these persons."""
    return np.isin(labels.persons, [name for name in names if name])


def _called(rows: Rows, person: str) -> str:
    name = next(iter(rows.names[rows.persons == person]), "")
    return person if name in ("", f"person {person}") else f"{person} ({name})"
