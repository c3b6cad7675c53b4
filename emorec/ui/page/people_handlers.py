"""The handlers of the panel of people: naming, joining and dividing persons, all from stored features.

Each handler takes the values of components and returns new ones; ``result_connections`` names these components.
"""

import html
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr
import numpy as np

from emorec.errors import EmorecError
from emorec.extraction import people_edits, people_file
from emorec.extraction.features import Features
from emorec.extraction.people import NOBODY, People
from emorec.extraction.people_edits import Stretch
from emorec.extraction.persons import seconds_shown
from emorec.extraction.thumbnails import thumbnail
from emorec.output import names
from emorec.ui import fragments
from emorec.ui.api import user_errors
from emorec.ui.page.analysis import MAX_PERSONS, Analysis
from emorec.ui.service import Service

MAX_STRETCHES = 200  # in the list of stretches; the longest ones
NOTHING_YET = "There is nobody to save yet; analyse a recording with faces first."
# Returns the name of the chosen person from the cards. An answer of the server could come when the visitor has already
# typed another name.
NAME_OF = '(who) => JSON.parse(document.querySelector("#cards [data-names]")?.dataset.names ?? "{}")[who] ?? ""'
NO_OTHER = "Choose the other person first."
Choices = list[tuple[str, Any]]


@dataclass(frozen=True)
class PeopleEdits:
    """The visitor's names, joins and divisions of persons in the ``Analysis`` with this ``id``, and in no other one."""

    id: str = ""
    people: People = NOBODY

    def features(self, analysis: Analysis) -> Features | None:
        """The features of an analysis with the visitor's persons."""
        if analysis.features is None or self.id != analysis.id:
            return analysis.features
        return analysis.features.with_people(self.people)


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What the panel shows: the ``id`` of the analysis, and number (``who``) and name of the chosen person."""

    id: str = ""
    who: int | None = None
    name: str = ""


class PeopleHandlers:
    """The handlers of the panel, over the Service that all sessions share."""

    def __init__(self, service: Service):
        self.service = service

    def show(
        self,
        analysis: Analysis,
        edited: PeopleEdits,
        who: int | None,
        other: int | None = None,
        chosen: list[str] | None = None,
        shown: Shown = Shown(),
    ) -> tuple:
        """The panel after a redraw: its visibility, the cards, the choice of a person, those of another person and of
        stretches, the name, and what the panel shows now.

        ``other`` and ``chosen`` stay if they are still offered. ``shown`` is what the panel showed before; choices that
        were made for another analysis do not stay. What stays is not sent again, because on a slow connection the
        visitor has often chosen something else when the answer comes. The field of the name changes only with the name,
        because the visitor may be typing in it.
        """
        features = edited.features(analysis)
        if features is None or not features.persons:
            return (
                gr.update(visible=False),
                "",
                gr.update(choices=[], value=None),
                *_nobody(),
                "",
                Shown(id=analysis.id),
            )
        same = shown.id == analysis.id and who in features.persons
        listed = gr.update(choices=[(name, number) for number, name in features.names.items()][:MAX_PERSONS])
        if not same or who is None:
            who, other, chosen = features.persons[0], None, None
            listed["value"] = who
        updates = _choices(features, who, other, chosen)
        for update, before in zip(updates, (other, chosen or []), strict=True) if same else ():
            if update["value"] == before:
                del update["value"]  # the visitor may have made another choice meanwhile
        cards = fragments.people(_cards(features), features.people.names())
        name = features.people.names().get(who, "")
        stays = same and (who != shown.who or name == shown.name)  # for another person, NAME_OF fills the field
        return (
            gr.update(visible=True),
            cards,
            listed,
            *updates,
            gr.skip() if stays else name,
            Shown(id=analysis.id, who=who, name=name),
        )

    def choose(self, analysis: Analysis, edited: PeopleEdits, who: int | None) -> tuple:
        """Another person is chosen: the name, and the choices of a person to join and of stretches to divide."""
        features = edited.features(analysis)
        if features is None or who not in features.persons:
            return "", *_nobody()
        return features.people.names().get(who, ""), *_choices(features, who)

    def details(self, analysis: Analysis, edited: PeopleEdits, who: int | None) -> tuple:
        """Another person was chosen: the choices of a person to join and of stretches to divide."""
        return self.choose(analysis, edited, who)[1:]

    def rename(
        self, analysis: Analysis, edited: PeopleEdits, who: int | None, name: str, request: gr.Request | None = None
    ) -> tuple[PeopleEdits, Shown]:
        """A name was typed; the field shows it already, and the visitor may go on typing.

        It is kept at once: a page that is loaded again in this moment sends nothing more.
        """
        name = name.strip()
        renamed = self._edit(analysis, edited, lambda features: people_edits.rename(features, _chosen(who), name))
        if request is not None and analysis.features is not None:
            session, running = request.session_hash or "", analysis.running
            self.service.memory.keep_edits(session, analysis.features, people=renamed.people, running=running)
        return renamed, Shown(id=analysis.id, who=who, name=name)

    def join(self, analysis: Analysis, edited: PeopleEdits, who: int | None, other: int | None) -> tuple:
        """Two persons are joined under the number of the other one, who becomes the chosen person.

        Returns the edits, the chosen person, what the panel shows now, and what ``choose`` returns.
        """
        if other is None:
            raise gr.Error(NO_OTHER, print_exception=False)
        joined = self._edit(analysis, edited, lambda features: people_edits.join(features, _chosen(who), other))
        name, *details = self.choose(analysis, joined, other)
        return joined, other, Shown(id=analysis.id, who=other, name=name), name, *details

    def divide(self, analysis: Analysis, edited: PeopleEdits, who: int | None, chosen: list[str] | None) -> PeopleEdits:
        """Some stretches of a person show another person: divide them."""

        def edit(features: Features) -> People:
            found = people_edits.merged_stretches(features, _chosen(who))
            tracks = [track for stretch in found if _key(stretch) in (chosen or ()) for track in stretch.tracks]
            return people_edits.divide(features, _chosen(who), tracks)

        return self._edit(analysis, edited, edit)

    def reset(self, analysis: Analysis, who: int | None) -> tuple[PeopleEdits, str, Shown]:
        """Undo all: persons are as they were found, without names."""
        return PeopleEdits(analysis.id), "", Shown(id=analysis.id, who=who)

    def load(
        self,
        file: dict | list | None,
        analysis: Analysis,
        edited: PeopleEdits,
        who: int | None,
        request: gr.Request,
    ) -> tuple:
        """A names file was uploaded: the edits, and what ``choose`` returns."""
        with user_errors():
            given = file[0] if isinstance(file, list) and file else file
            if not isinstance(given, dict) or analysis.features is None:
                raise EmorecError(NOTHING_YET)
            path = self.service.check_upload(given["path"], request)
            used, notes = people_file.apply(people_file.read(path), analysis.features)
        for note in notes:
            gr.Warning(html.escape(note))
        loaded = PeopleEdits(analysis.id, used.people)
        return loaded, *self.choose(analysis, loaded, who)

    def save(self, analysis: Analysis, edited: PeopleEdits, request: gr.Request) -> str:
        """The names file as a download."""
        features = edited.features(analysis)
        if features is None or not features.persons:
            raise gr.Error(NOTHING_YET, print_exception=False)
        session, own = request.session_hash or "", self.service.files
        with user_errors(), own.new_download(session, analysis.key) as folder:
            file = folder / f"{names.file_stem(analysis.name)}{people_file.SUFFIX}"
            people_file.write(features, file)
        return str(file)

    def _edit(self, analysis: Analysis, edited: PeopleEdits, edit: Callable[[Features], People]) -> PeopleEdits:
        with user_errors():
            features = edited.features(analysis)
            if features is None:
                raise EmorecError(NOTHING_YET)
            return PeopleEdits(analysis.id, edit(features))


def _chosen(who: int | None) -> int:
    """The number of the chosen person. Raises EmorecError if nobody is chosen."""
    if who is None:
        raise EmorecError(NOTHING_YET)
    return who


def _nobody() -> tuple:
    return gr.update(choices=[], value=None), gr.update(choices=[], value=[])


def _choices(features: Features, who: int, other: int | None = None, chosen: list[str] | None = None) -> tuple:
    """Updates of the choice of another person and of the stretches of this one, with what is chosen now."""
    others = [(name, number) for number, name in features.names.items() if number != who][:MAX_PERSONS]
    found = people_edits.merged_stretches(features, who)
    longest = sorted(found, key=lambda stretch: -stretch.seconds)[:MAX_STRETCHES]
    words = [(people_edits.span(stretch), _key(stretch)) for stretch in found if stretch in longest]
    other = other if other in [number for _, number in others] else None
    kept = [key for key in chosen or () if key in [offered for _, offered in words]]
    return gr.update(choices=others, value=other), gr.update(choices=words, value=kept)


def _key(stretch: Stretch) -> str:
    return "/".join(f"{value:g}" for value in (stretch.track.time, *stretch.track.box))


def _cards(features: Features) -> list[fragments.Card]:
    shown = seconds_shown(features.arrays, features.until)
    who = features.arrays["face_person"]
    cards = []
    for number in features.persons[:MAX_PERSONS]:
        picture = thumbnail(features, number)
        seconds = float(np.sum(shown[who == number]))
        cards.append(fragments.Card(features.names[number], seconds, people_file.data_url(picture) if picture else ""))
    return cards
