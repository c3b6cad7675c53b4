"""What all tests of training share: model cards are written often, and each of their pictures is drawn once."""

import pytest

from support import card_pictures


@pytest.fixture(scope="module", autouse=True)
def pictures_drawn_once():
    with pytest.MonkeyPatch.context() as patch:
        card_pictures.draw_once(patch)
        yield
