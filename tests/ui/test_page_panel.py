"""The panel of choices, and where the page says what went wrong, in a real browser."""

import pytest

from support import make_media
from support.pages import analyze, change, ground, set_number, table, upload, visiting

CHOICES = ("Fusion", "Step", "Window", "Smoothing", "Person", "Prior", "Baseline")
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 390, "height": 800}
PLACES = """() => ["#file", "#analyze", "#player", "#timeline", "#summary"].map((name) => {
  const place = document.querySelector(name).getBoundingClientRect();
  return [name, Math.round(place.x), Math.round(place.y + scrollY), Math.round(place.width), Math.round(place.height)];
})"""


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    audio = make_media.Audio(codec="pcm_s16le", rate=16_000, duration=9, tones=((0, 9),))
    return make_media.record(tmp_path_factory.mktemp("sound") / "tone.wav", audio=audio)


@pytest.fixture(scope="module")
def wide(chromium, page_server, recording):
    with visiting(chromium, page_server, viewport=WIDE) as page:
        analyze(page, recording)
        yield page


@pytest.fixture(scope="module")
def narrow(chromium, page_server, recording):
    with visiting(chromium, page_server, viewport=NARROW, has_touch=True, reduced_motion="reduce") as page:
        analyze(page, recording)
        # The page scrolls to the progress 600 ms after the click on Analyze, perhaps after the end of the analysis.
        page.evaluate("new Promise((done) => setTimeout(done, 700))")
        yield page


# Whether the sheet is above every label of the page.
COVERS = """() => {
  const order = (element) => Number(getComputedStyle(element).zIndex) || 0;
  const labels = [...document.querySelectorAll("[data-testid=block-info]")].filter((one) => !one.closest("#panel"));
  return labels.length > 0 && labels.every((one) => order(one) < order(document.querySelector("#panel")));
}"""


def box(page, name):
    return page.locator(name).bounding_box()


def test_the_panel_is_beside_the_chart_and_stays_there(wide):
    wide.evaluate("scrollTo(0, 0)")
    panel, chart = box(wide, "#panel"), box(wide, "#timeline")
    assert panel["x"] >= chart["x"] + chart["width"]
    assert wide.locator("#panel-button").is_hidden()
    wide.evaluate("document.querySelector('#timeline').scrollIntoView({ behavior: 'instant' })")
    wide.wait_for_timeout(200)
    for name in ("#player", "#panel"):
        place = box(wide, name)
        assert place["y"] >= 0 and place["y"] + place["height"] <= WIDE["height"], name
    for label in CHOICES:  # the panel scrolls to those that do not fit
        choice = wide.locator("#panel").get_by_text(label, exact=True).first
        choice.scroll_into_view_if_needed()
        assert choice.is_visible()
    baseline, panel = box(wide, "#baseline"), box(wide, "#panel")
    assert baseline["y"] + baseline["height"] <= panel["y"] + panel["height"] + 1


def test_a_choice_of_the_panel_redraws_the_chart_and_moves_nothing(wide):
    wide.evaluate("scrollTo(0, 0)")
    before = wide.evaluate(PLACES)
    change(wide, lambda: set_number(wide, "Step", 2))
    change(wide, lambda: set_number(wide, "Step", 1))
    assert wide.evaluate(PLACES) == before
    assert wide.evaluate("scrollY") == 0


def test_a_list_of_choices_closes_when_the_focus_goes_on(wide):
    for name in ("#person", "#more-format"):
        wide.focus(f"{name} input")
        wide.locator(f"{name} [role=listbox]").wait_for()
        wide.keyboard.press("Tab")
        wide.locator(f"{name} [role=listbox]").wait_for(state="hidden")
        wide.wait_for_timeout(300)  # it would open again a moment later
        assert wide.locator("[role=listbox]").count() == 0
    assert wide.evaluate("document.activeElement.id") == "more-save"
    wide.evaluate("scrollTo(0, 0)")


def test_on_a_phone_a_sheet_opens_over_the_page_and_moves_nothing(narrow):
    button = narrow.get_by_role("button", name="Choices", exact=True)
    assert narrow.locator("#panel").is_hidden() and button.get_attribute("aria-expanded") == "false"
    narrow.evaluate("document.querySelector('#timeline').scrollIntoView({ behavior: 'instant' })")
    before, scrolled = narrow.evaluate(PLACES), narrow.evaluate("scrollY")
    button.tap()
    panel = box(narrow, "#panel")
    assert button.get_attribute("aria-expanded") == "true"
    assert panel["y"] > NARROW["height"] / 3 and panel["y"] + panel["height"] <= box(narrow, "#panel-button")["y"] + 1
    assert (narrow.evaluate(PLACES), narrow.evaluate("scrollY")) == (before, scrolled)
    assert narrow.evaluate(COVERS)
    change(narrow, lambda: set_number(narrow, "Step", 2))
    assert len(table(narrow)) == 6
    change(narrow, lambda: set_number(narrow, "Step", 1))
    narrow.keyboard.press("Escape")
    assert narrow.locator("#panel").is_hidden()
    assert narrow.evaluate("document.activeElement.textContent") == "Choices"


def test_the_sheet_opens_with_the_keyboard_alone(narrow):
    narrow.get_by_role("button", name="Choices", exact=True).focus()
    narrow.keyboard.press("Enter")
    assert narrow.locator("#panel").is_visible()
    narrow.keyboard.press("Tab")
    assert narrow.evaluate("document.activeElement.closest('#panel') !== null")
    narrow.keyboard.press("Escape")


def test_the_fields_of_the_sheet_show_their_numbers(narrow):
    narrow.get_by_role("button", name="Choices", exact=True).tap()
    for name in ("#step", "#window", "#smooth"):
        inner, outer = narrow.locator(f"{name} input[type=number]"), narrow.locator(f"{name} .tab-like-container")
        assert outer.bounding_box()["height"] >= inner.bounding_box()["height"], name
    assert narrow.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    narrow.keyboard.press("Escape")


def test_choices_for_which_the_sheet_is_too_short_are_below_and_not_beside_it(narrow):
    narrow.get_by_role("button", name="Choices", exact=True).tap()
    # WebKit makes the form no taller than the sheet; here it is made so.
    narrow.eval_on_selector("#panel > .form", "form => form.style.maxHeight = '300px'")
    right = narrow.eval_on_selector("#baseline", "choice => choice.getBoundingClientRect().right")
    narrow.eval_on_selector("#panel > .form", "form => form.style.maxHeight = ''")
    assert right <= NARROW["width"]
    narrow.keyboard.press("Escape")


def test_both_fusions_have_a_line_of_advice_and_one_is_recommended(wide):
    words = wide.inner_text("#fusion")
    assert "Late (recommended)" in words
    assert "Late weighs" in words and "Intermediate lets" in words


def test_what_is_missing_is_said_before_the_empty_chart(chromium, page_server, tmp_path):
    silent = make_media.record(
        tmp_path / "silent.mp4", make_media.Video(duration=4), make_media.Audio(duration=4, tones=())
    )
    with visiting(chromium, page_server) as page:
        analyze(page, silent)
        note = page.wait_for_selector("#warnings [role=alert]")
        assert note.inner_text().startswith("Neither a face nor speech was found")
        assert {row["dominant"] for row in table(page)} == {""}
        for size in (WIDE, NARROW):
            page.set_viewport_size(size)
            assert note.bounding_box()["y"] < box(page, "#timeline")["y"], size
        assert page.locator("#summary .callout").count() == 0


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_a_problem_is_announced_and_on_the_screen(chromium, page_server, tmp_path, size):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no film" * 100)
    with visiting(chromium, page_server, viewport=size) as page:
        upload(page, broken)
        page.click("#analyze")
        problem = page.wait_for_selector("#status .problem")
        assert problem.get_attribute("role") == "alert"
        assert not problem.evaluate("problem => !!problem.parentElement.closest('[role=status]')")
        page.wait_for_timeout(1500)  # the page scrolls smoothly
        place, button = problem.bounding_box(), box(page, "#panel-button")
        assert place["y"] >= 0 and place["y"] + place["height"] <= (button["y"] if button else size["height"])


def test_the_tooltip_of_the_chart_stays_on_a_narrow_screen(narrow):
    narrow.wait_for_timeout(300)
    place = ground(narrow)
    for share in (0.02, 0.5, 0.98):
        narrow.mouse.move(0, 0)
        narrow.wait_for_selector("#vg-tooltip-element.visible", state="detached")
        narrow.mouse.move(place["x"] + share * place["width"], place["y"] + place["height"] / 2)
        narrow.wait_for_selector("#vg-tooltip-element.visible")
        tip = box(narrow, "#vg-tooltip-element")
        assert tip["x"] >= 0 and tip["x"] + tip["width"] <= NARROW["width"], share
        assert tip["y"] >= 0 and tip["y"] + tip["height"] <= NARROW["height"], share
    narrow.mouse.move(0, 0)
