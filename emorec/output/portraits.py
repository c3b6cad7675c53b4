"""Small pictures of the persons whom highlights are about, from the thumbnails that are stored with the features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emorec.emotions import EMOTIONS
from emorec.extraction import thumbnails
from emorec.extraction.features import Features
from emorec.extraction.people_file import data_url
from emorec.face.thumbnail import mosaic
from emorec.inference.timeline import Timeline
from emorec.output.highlights import Highlight
from emorec.output.lane_data import MAX_LANES

NOBODY = -1


def who(timeline: Timeline, highlight: Highlight) -> int:
    """The number of the person whom a highlight of the timeline is about, NOBODY if there is none.

    If the highlight names none, it is the person of its first row; in a timeline of several persons the one who shows
    its emotion most, of those whose face is seen there.
    """
    if highlight.person is not None:
        return highlight.person
    timeline = timeline if timeline.grid is None else timeline.grid
    if not len(timeline):
        return NOBODY
    row = max(int(np.searchsorted(timeline.start, highlight.start + 1e-6, side="right")) - 1, 0)
    if not timeline.people:
        return int(timeline.person[row])
    emotion = EMOTIONS.index(highlight.emotion)
    seen = [person for person in timeline.people if person.row_face[row] > 0]
    if not seen:
        return NOBODY
    most = max(seen, key=lambda person: float(np.nan_to_num(person.probabilities[row, emotion])))
    return int(most.person[row])


@dataclass(frozen=True)
class Portraits:
    """The pictures of the persons in ``features``; with ``blur`` as a mosaic."""

    features: Features
    blur: bool = False

    def url(self, row: int | None) -> str:
        """The picture with an index as a URL that holds it, "" for None."""
        if row is None:
            return ""
        picture = thumbnails.thumbnail_jpeg(self.features, row)
        return data_url(mosaic(picture) if self.blur else picture)

    def of(self, number: int) -> int | None:
        """The index of a person's best picture, None if there is none."""
        return thumbnails.best_thumbnail(self.features, number)

    def at(self, timeline: Timeline, highlight: Highlight) -> int | None:
        """The index of the picture of the person whom a highlight is about, as seen at that time; None if unseen."""
        number = who(timeline, highlight)
        if number == NOBODY:
            return None
        # The face that a row tells of is somewhere in its window.
        return thumbnails.best_thumbnail(self.features, number, (highlight.start, highlight.end), timeline.window / 2)


def of_people(timeline: Timeline, features: Features) -> dict[int, str]:
    """The best picture of each person who has a lane in the chart of a timeline, as URLs by the persons' numbers."""
    found, portraits = {}, Portraits(features)
    for person in timeline.people[:MAX_LANES]:
        number = int(person.person.max(initial=NOBODY))
        if url := portraits.url(portraits.of(number)):
            found[number] = url
    return found
