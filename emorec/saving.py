"""What an Analyzer writes beside the files of a timeline: names, videos, reports and its checkpoint."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from os import PathLike
from pathlib import Path

from emorec.errors import EmorecError
from emorec.extraction import people_file
from emorec.extraction.features import Features
from emorec.extraction.people_file import PeopleLike
from emorec.models import checkpoint
from emorec.timeline import Timeline


class Saving:
    """The part of ``Analyzer`` that writes files; ``model`` is its checkpoint."""

    model: checkpoint.Checkpoint

    def save_people(self, features: Features, path: str | PathLike[str], *, people: PeopleLike | None = None) -> None:
        """Write the names file of a recording: its persons, their names, tracks and thumbnails.

        ``people`` are as in ``analyze``. Raises EmorecError if they or the file cannot be used.
        """
        people_file.write(people_file.apply(people, features)[0] if people else features, path)

    def save_video(
        self,
        media: str | PathLike[str],
        features: Features,
        timeline: Timeline,
        path: str | PathLike[str],
        *,
        people: PeopleLike | None = None,
        blur: bool = False,
        progress: Callable[[float], object] | None = None,
    ) -> None:
        """Write the recording as an mp4 file with a box, a name and the emotion at every face, the timeline below.

        ``media`` is the file that ``features`` were extracted from, and ``timeline`` was inferred from these; what was
        not analyzed is left out. ``people`` are as in ``analyze``. ``blur`` hides every face behind a mosaic.
        ``progress(time)`` is called with the time (s) up to which it is written. The file is written completely or not
        at all. Raises EmorecError if the recording has no picture, if ``blur`` finds no face to hide, or if the file
        cannot be written.
        """
        from emorec.output import video  # fonts and encoders are needed by few

        if people:
            features = people_file.apply(people, features)[0]
        video.save(Path(media), features, timeline, Path(path), blur=blur, names=features.names, progress=progress)

    def save_report(
        self,
        timeline: Timeline,
        path: str | PathLike[str],
        *,
        features: Features | None = None,
        people: PeopleLike | None = None,
        blur: bool = False,
    ) -> None:
        """Write a timeline as one HTML page to keep or to print, which needs no network.

        With the ``features`` from which it was inferred there are pictures of the persons and, if several are visible,
        a lane for each; ``people`` are as in ``analyze``. ``blur`` hides the faces in the pictures behind a mosaic. The
        file is written completely or not at all. Raises EmorecError if it cannot be written.
        """
        from emorec.output import report  # Altair takes half a second to import

        if people and features:
            features = people_file.apply(people, features)[0]
        report.write(timeline, Path(path), self.model, features, blur)

    def save_pretrained(self, folder: str | PathLike[str]) -> None:
        """Write the checkpoint to a folder that ``from_pretrained`` reads, with its model card if it has one.

        Raises EmorecError if the folder cannot be written.
        """
        folder = Path(folder)
        try:
            checkpoint.save(self.model, folder)
            card = self.model.folder / checkpoint.CARD_FILE if self.model.folder else None
            if card and card.is_file() and card.resolve() != (folder / checkpoint.CARD_FILE).resolve():
                shutil.copyfile(card, folder / checkpoint.CARD_FILE)
        except OSError as error:
            raise EmorecError(
                f"{folder} cannot be written ({error.strerror or error}); choose another place."
            ) from None
