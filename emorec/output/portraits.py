"""Small pictures of the persons of a recording, from the thumbnails that are stored with the features."""

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


def highlighted_person(timeline: Timeline, highlight: Highlight) -> int:
    """The number of the person whom a highlight of the timeline is about, NOBODY if there is none.

    If the highlight names no person, it is the person of its first row. In a timeline of several persons it is, of
    those whose face is seen in that row, the one with the highest probability of the highlight's emotion.
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
    """The pictures of the persons in ``features``; with ``blur``, the faces are hidden behind a mosaic."""

    features: Features
    blur: bool = False

    def url(self, row: int | None) -> str:
        """The picture with this index as a data URL, "" for None."""
        if row is None:
            return ""
        picture = thumbnails.thumbnail_jpeg(self.features, row)
        return data_url(mosaic(picture) if self.blur else picture)

    def best(self, number: int) -> int | None:
        """The index of a person's best picture, None if there is none."""
        return thumbnails.best_thumbnail(self.features, number)

    def best_of_highlight(self, timeline: Timeline, highlight: Highlight) -> int | None:
        """The index of the best picture, at that time, of the person whom a highlight is about; None without one."""
        number = highlighted_person(timeline, highlight)
        if number == NOBODY:
            return None
        # The face that a row is about may be anywhere in the window of the row.
        return thumbnails.best_thumbnail(self.features, number, (highlight.start, highlight.end), timeline.window / 2)


def lane_pictures(timeline: Timeline, features: Features) -> dict[int, str]:
    """The best picture of each person who has a lane in the chart of a timeline, as data URLs by number."""
    urls, portraits = {}, Portraits(features)
    for person in timeline.people[:MAX_LANES]:
        number = int(person.person.max(initial=NOBODY))
        if url := portraits.url(portraits.best(number)):
            urls[number] = url
    return urls
