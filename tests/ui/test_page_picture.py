"""The result of a still picture in a real browser: boxes, cards by mouse, finger and keys, the download."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from emorec.emotions import EMOTIONS
from emorec.image import FaceResult
from emorec.ui import picture
from support.pages import visiting
from support.paths import ROOT

PORTRAIT = ROOT / "emorec" / "ui" / "assets" / "portrait.jpg"
SIZES = {"wide": {"width": 1280, "height": 800}, "narrow": {"width": 390, "height": 800}}
SHOWN = "#faces .face.shown"


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """Three faces beside each other, up to the right edge."""
    portrait = Image.open(PORTRAIT).convert("RGB")
    portrait.thumbnail((300, 300))
    page = Image.new("RGB", (3 * portrait.width, portrait.height))
    for number in range(3):
        page.paste(portrait, (number * portrait.width, 0))
    file = tmp_path_factory.mktemp("picture") / "three.png"
    page.save(file)
    return file


def read(page, file):
    page.get_by_role("tab", name="Picture").click()
    page.wait_for_selector("#recording", state="hidden")
    page.set_input_files("#picture input[type=file]", file)
    page.wait_for_selector("#faces .box")


@pytest.fixture(scope="module")
def wide(chromium, page_server, three):
    with visiting(chromium, page_server, viewport=SIZES["wide"]) as page:
        read(page, three)
        yield page


@pytest.fixture(scope="module")
def narrow(chromium, page_server, three):
    with visiting(chromium, page_server, viewport=SIZES["narrow"], has_touch=True) as page:
        read(page, three)
        yield page


def shown(page):
    """The captions of the cards that are visible."""
    return page.locator(f"{SHOWN} caption").all_inner_texts()


def test_one_picture_has_a_box_and_a_card_at_each_face(wide):
    assert wide.locator("#faces img").count() == 1
    assert wide.locator("#faces .box").count() == wide.locator("#faces .face").count() == 3
    assert wide.locator("#faces .face").first.locator("tr").count() == len(EMOTIONS)
    assert shown(wide) == []
    words = wide.inner_text("#faces .seen > .caption")
    assert words.startswith("3 faces") and "of the expressions in pictures." in words
    assert wide.locator("#faces .found li").count() == 3


def test_the_layout_of_a_tab_does_not_wait_for_the_server(chromium, page_server):
    with visiting(chromium, page_server) as page:
        page.route("**/gradio_api/**", lambda route: None)  # no answer
        page.get_by_role("tab", name="Picture").click()
        page.wait_for_selector("#recording", state="hidden")
        page.get_by_role("tab", name="Video or audio").click()
        page.wait_for_selector("#recording")


def test_the_card_of_the_face_under_the_pointer_is_shown(wide):
    for number in (0, 2):
        box = wide.locator("#faces .box").nth(number)
        box.hover()
        assert len(shown(wide)) == 1 and shown(wide)[0].startswith(f"Face {number + 1}: ")
        assert box.get_attribute("aria-expanded") == "true"
        card = wide.locator(SHOWN).bounding_box()
        assert card["x"] >= 0 and card["x"] + card["width"] <= SIZES["wide"]["width"]
    wide.locator(SHOWN).hover()
    assert len(shown(wide)) == 1
    wide.mouse.move(2, 2)
    assert shown(wide) == []


def test_the_keyboard_goes_from_face_to_face(wide):
    wide.locator("#faces .box").first.focus()
    wide.keyboard.press("Tab")
    assert shown(wide)[0].startswith("Face 2: ")
    wide.keyboard.press("Tab")
    assert shown(wide)[0].startswith("Face 3: ")
    wide.keyboard.press("Escape")
    assert shown(wide) == []
    wide.keyboard.press("Enter")
    assert shown(wide)[0].startswith("Face 3: ")
    wide.keyboard.press("Escape")
    described = wide.locator("#faces .box").first.get_attribute("aria-describedby")
    assert wide.locator(f"#{described} tr").count() == len(EMOTIONS)


def test_a_tap_shows_a_card_that_stays_on_the_screen_and_another_tap_closes_it(narrow):
    for number in range(3):
        narrow.locator("#faces .box").nth(number).tap()
        assert len(shown(narrow)) == 1 and shown(narrow)[0].startswith(f"Face {number + 1}: ")
        card = narrow.locator(SHOWN).bounding_box()
        assert card["x"] >= 0 and card["x"] + card["width"] <= SIZES["narrow"]["width"]
    narrow.locator("#faces .box").nth(2).tap()
    assert shown(narrow) == []
    assert narrow.evaluate("document.documentElement.scrollWidth") <= SIZES["narrow"]["width"]


def test_the_result_comes_before_the_lists_and_into_view(chromium, page_server, three):
    low = {"width": 390, "height": 420}
    with visiting(chromium, page_server, viewport=low, has_touch=True) as page:
        read(page, three)
        page.wait_for_function(
            "document.querySelector('#faces .found').getBoundingClientRect().bottom <= innerHeight && scrollY > 0"
        )
        assert page.evaluate(
            "document.querySelector('#faces').compareDocumentPosition(document.querySelector('#recents'))"
            " & Node.DOCUMENT_POSITION_FOLLOWING"
        )
        assert (
            page.evaluate(  # the field, which is low now, has no line in it
                "getComputedStyle(document.querySelector('#picture .source-selection')).borderTopWidth"
            )
            == "0px"
        )
        # It is not scrolled to again when the tab is opened again.
        page.get_by_role("tab", name="Video").click()
        page.wait_for_selector("#faces", state="hidden")
        page.evaluate("scrollTo({ top: 0, behavior: 'instant' })")
        page.get_by_role("tab", name="Picture").click()
        page.wait_for_selector("#faces .box")
        page.wait_for_timeout(800)
        assert page.evaluate("scrollY") == 0


def test_the_marked_picture_can_be_downloaded(wide, three):
    with wide.expect_download() as caught:
        wide.click("#faces .save")
    assert caught.value.suggested_filename == "three.faces.jpg"
    marked = Image.open(io.BytesIO(Path(caught.value.path()).read_bytes()))
    original = np.asarray(Image.open(three).convert("RGB"), float)
    assert marked.size == (original.shape[1], original.shape[0])
    assert np.mean(np.abs(np.asarray(marked, float) - original).max(axis=2) > 60) > 0.005, "nothing is drawn"


def test_a_picture_without_a_face_says_so_before_the_picture(chromium, page_server, tmp_path):
    blank = tmp_path / "blank.png"
    Image.new("RGB", (300, 200), "white").save(blank)
    with visiting(chromium, page_server) as page:
        page.get_by_role("tab", name="Picture").click()
        page.set_input_files("#picture input[type=file]", blank)
        note = page.wait_for_selector("#faces [role=alert]")
        assert note.inner_text().startswith("No face was found")
        assert note.bounding_box()["y"] < page.locator("#faces img").bounding_box()["y"]


def test_a_drawing_is_said_to_be_no_picture_however_large_it_is(chromium, page_server, tmp_path):
    """Gradio's client sends the content of a drawing with every event; the server takes less."""
    for name, comment in (("small.svg", ""), ("large.svg", "<!--" + 100_000 * "x" + "-->")):
        drawing = tmp_path / name
        drawing.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">{comment}</svg>')
        with visiting(chromium, page_server) as page:
            page.get_by_role("tab", name="Picture").click()
            page.wait_for_selector("#recording", state="hidden")
            page.set_input_files("#picture input[type=file]", drawing)
            note = page.wait_for_selector("#faces [role=alert]", timeout=30_000)
            assert note.inner_text().startswith(f"{name} is not a picture that can be read; give a whole JPEG")


def test_what_is_unsure_is_said(tmp_path):
    probabilities = np.full(7, 0.6001 / 6)
    probabilities[0] = 0.3999
    unsure, sure = (
        FaceResult((0.1, 0.1, 0.2, 0.2), 0.9, 0.9, values / values.sum()) for values in (probabilities, np.eye(7)[3])
    )
    text = picture.result(tmp_path / "a.jpg", [unsure, sure], tmp_path / "a.faces.jpg", {})
    assert "2 faces, 1 of them unsure: no emotion has 40%." in text
    assert text.count('class="box unsure"') == 1 and "Face 2: happy 100%<" in text and " 39%, unsure<" in text
    assert "were not tested" in text
