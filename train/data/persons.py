"""Who is in a user's items: whether that is known, and what the user should know about the names."""

from __future__ import annotations

from collections.abc import Sequence

from train.data import layouts
from train.data.datasets import Item

SOME_UNKNOWN = (
    "{count} of {items} items name no person (the first: {name}), so people of the validation data may be in them too."
)
MOST_UNKNOWN = (
    "{count} of {items} items name no person (the first: {name}), so items are split, not people: one person may be in "
    "training and in validation."
)
ONE_PERSON = "{names} count as different people; if they are one person, write the name alike."


def known_people(items: Sequence[Item]) -> bool:
    """Whether the persons in all items are known."""
    return all(item.named for item in items)


def most_named(items: Sequence[Item]) -> bool:
    """Whether the persons in more than half of the items are known."""
    return 2 * sum(item.named for item in items) > len(items)


def describe(person: str, items: Sequence[Item]) -> str:
    """A person, for a sentence; if the person of an item is not named, its file."""
    named = all(item.named for item in items if item.person == person)
    return f"The person {person!r}" if named else f"The file {person}"


def report(train: Sequence[Item], valid: Sequence[Item], given: bool) -> None:
    """Report items without a person among others with one, and names that may be of one person.

    ``given`` says that the validation data were given apart.
    """
    items = [*train, *valid]
    unnamed = [item for item in items if not item.named]
    if 0 < len(unnamed) < len(items):
        sentence = SOME_UNKNOWN if given or known_people(valid) else MOST_UNKNOWN
        layouts.report_once(sentence.format(count=len(unnamed), items=len(items), name=unnamed[0].path.name))
    spellings: dict[str, set[str]] = {}
    for item in items:
        if item.named:
            spellings.setdefault(item.person.casefold(), set()).add(item.person)
    for names in spellings.values():
        if len(names) > 1:
            layouts.report_once(ONE_PERSON.format(names=" and ".join(repr(name) for name in sorted(names))))
