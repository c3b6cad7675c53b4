"""Whether the faces of a recording lie on their side or stand on their heads, and the sentence about it."""

import numpy as np

TURNS = (90, 180, 270)  # degrees clockwise
LOOK_EVERY = 5  # pictures; so often one without a clear upright face is kept
KEPT = 8  # such pictures, after which they are searched turned
FEWEST = 2  # pictures; fewer say nothing
CLEAR_SCORE = 0.85  # least score of a face; what is found where no face is mostly stays below it
# The detector finds faces on their heads too, and takes them for upright ones. Turned upright they score 0.06 to 0.12
# more, and upright faces score over UPRIGHT_SCORE as they are (three recordings).
UPRIGHT_SCORE = 0.9
MORE = 0.04
MOST_ROLL = 45.0  # degrees from upright
FEW_UPRIGHT = 0.1  # share of the pictures with a clear upright face from which on nothing is said
MOST_TURNED = 0.7  # share of the kept pictures that have to agree on a turn


class Posture:
    """Looks at the first pictures of a recording until it is clear how their faces stand.

    Where hardly any clear upright face is found, a few pictures are searched again, turned. A wrong advice does more
    harm than none, so a face has to be clear, and clearer than in any other position.
    """

    def __init__(self, detector, turned: int = 0):
        """``turned`` is by how much (degrees clockwise) the pictures are turned already."""
        self._detector, self._already = detector, turned
        self._kept, self._count, self._upright, self._decided = [], 0, 0, False

    def see(self, image: np.ndarray, found: list) -> str | None:
        """Note one more RGB picture (H, W, 3) and its faces; the sentence once there is one."""
        if self._decided:
            return None
        score = _score(found)
        self._upright += score >= UPRIGHT_SCORE
        if score < UPRIGHT_SCORE and self._count % LOOK_EVERY == 0:
            self._kept.append((image, score))
        self._count += 1
        # With many upright faces there is nothing to say; it need not be waited for.
        if len(self._kept) == KEPT or self._upright > FEW_UPRIGHT * LOOK_EVERY * KEPT:
            return self.decide()
        return None

    def decide(self) -> str | None:
        """The sentence, from what was seen so far; None if there is nothing to say, or it was said."""
        if self._decided:
            return None
        self._decided, kept, self._kept = True, self._kept, []
        if len(kept) < FEWEST or self._upright > FEW_UPRIGHT * self._count:
            return None
        turns = [self._clearest_turn(image, score) for image, score in kept]
        best = max(TURNS, key=turns.count)
        if turns.count(best) < MOST_TURNED * len(turns):
            return None
        lie = "stand on their heads" if best == 180 else "lie on their side"
        return f"Most faces {lie}: choose --rotate {(self._already + best) % 360}."

    def _clearest_turn(self, image, score):
        """The turn that shows a clear face, clearer than any other turn and than none (``score``); 0 without one."""
        scores = {turn: _score(self._detector.detect(_turned(image, turn))) for turn in TURNS}
        best = max(TURNS, key=scores.get)
        others = [score, *(scores[turn] for turn in TURNS if turn != best)]
        return best if scores[best] >= max(CLEAR_SCORE, max(others) + MORE) else 0


def _turned(image, turn):
    return np.ascontiguousarray(np.rot90(image, -turn // 90))


def _score(found):
    """The score of the clearest face that looks upright, 0 if there is none."""
    return max((face.score for face in found if _roll(face) <= MOST_ROLL), default=0.0)


def _roll(face):
    """Degrees between the line of the eyes and the horizontal."""
    across, down = face.landmarks[1] - face.landmarks[0]
    return abs(np.degrees(np.arctan2(down, across)))
