"""The few best faces of each track in a segment, by which tracks are joined to persons, and a thumbnail of the best."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from emorec.extraction import thumbnails
from emorec.face import thumbnail
from emorec.models import identity

BEST_CROPS = 3  # of a track in a segment
APART = 0.4  # seconds between two of them, as faces right after each other show the same

Arrays = dict[str, np.ndarray]


@dataclass
class BestCrops:
    """The best crops of each track: lists of (quality, time in s, grey uint8 (identity.SIZE, identity.SIZE)).

    ``pictures`` are the quality and the small colour picture, uint8 (H, W, 3), of the best face of each track.
    """

    tracks: dict[int, list[tuple[float, float, np.ndarray]]] = field(default_factory=dict)
    pictures: dict[int, tuple[float, np.ndarray]] = field(default_factory=dict)

    def offer(
        self,
        track: int,
        time: float,
        quality: float,
        cut_out: Callable[[], np.ndarray],
        picture: Callable[[], np.ndarray] | None = None,
    ) -> None:
        """Keep a face if it is among the best of its track; only then ``cut_out`` is called for its crop.

        ``picture`` is called for the small colour picture if the face is the best of its track.
        """
        if picture and (track not in self.pictures or quality > self.pictures[track][0]):
            self.pictures[track] = quality, picture()
        kept = self.tracks.setdefault(track, [])
        near = [index for index, (_, other, _) in enumerate(kept) if abs(other - time) < APART - 1e-6]
        if not near and len(kept) >= BEST_CROPS:
            near = [min(range(len(kept)), key=lambda index: kept[index][0])]
        if any(kept[index][0] >= quality for index in near):
            return
        self.tracks[track] = [one for index, one in enumerate(kept) if index not in near]
        self.tracks[track].append((quality, time, cut_out()))

    def arrays(self, network: identity.IdentityNet) -> Arrays:
        """The embeddings of all crops, with their tracks and qualities, in the order of tracks and times, and the
        thumbnails."""
        rows = [
            (track, quality, crop)
            for track, kept in sorted(self.tracks.items())
            for quality, _, crop in sorted(kept, key=lambda one: one[1])
        ]
        if not rows:
            return no_identities()
        pictures = {track: (quality, thumbnail.jpeg(one)) for track, (quality, one) in self.pictures.items()}
        tracks, qualities, crops = zip(*rows, strict=True)
        return {
            "identity_track": np.array(tracks, np.int64),
            "identity_quality": np.array(qualities, np.float32),
            "identity_embedding": identity.embed(network, np.stack(crops)).astype(np.float16),
        } | thumbnails.arrays_of(pictures)


def no_identities() -> Arrays:
    """The arrays of a segment without crops."""
    return {
        "identity_track": np.zeros(0, np.int64),
        "identity_quality": np.zeros(0, np.float32),
        "identity_embedding": np.zeros((0, identity.DIMENSIONS), np.float16),
    } | thumbnails.no_thumbnails()
