"""The controls of the page in a real browser: values out of range, another recording, old messages, and colours."""

import io
import json

import pytest
from PIL import Image

from support import make_media
from support.pages import analyze, dismiss, download, finished, set_number, table, toast, upload, visiting

READABLE = 4.5  # contrast that WCAG 2.2 (1.4.3, level AA) requires of text
DARK = 0.2  # relative luminance; that of white is 1
MESSAGES = "[data-testid=toast-text]"

# Relative luminance of a CSS colour, and the first background behind an element that is not transparent.
COLOURS = """
const luminance = (colour) => {
  const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map(Number)
    .map((value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const background = (element) => {
  for (; element; element = element.parentElement) {
    const colour = getComputedStyle(element).backgroundColor;
    if ((colour.match(/[\\d.]+/g)[3] ?? 1) > 0.5) return colour;
  }
  return "rgb(255, 255, 255)";
};
"""
CONTRAST = f"""(element) => {{
  {COLOURS}
  const pair = [getComputedStyle(element).color, background(element)].map(luminance).sort((a, b) => b - a);
  return (pair[0] + 0.05) / (pair[1] + 0.05);
}}"""


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    audio = make_media.Audio(codec="pcm_s16le", rate=16_000, duration=4, tones=((0, 4),))
    return make_media.record(tmp_path_factory.mktemp("sound") / "tone.wav", audio=audio)


def analyze_example(page):
    page.click("#example button")
    page.wait_for_selector("#player video", state="attached")
    page.click("#analyze")
    finished(page)


def set_step(page, step):
    """Change the step and wait until the result is drawn with it, and with all other choices."""
    set_number(page, "Step", step)
    page.wait_for_selector(f"#summary [data-step='{step:g}']", state="attached")


def test_tab_goes_on_from_a_chosen_person_and_removing_the_file_empties_the_page(page, sound):
    analyze_example(page)
    field = page.get_by_role("combobox", name="Person")
    field.focus()
    page.get_by_role("option", name="person 0").wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement === document.body")
    # Chromium goes on from there by itself; WebKit and Firefox need the focus to be in the field when Tab is pressed.
    page.evaluate("document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'Tab', bubbles: true }))")
    assert field.evaluate("field => field === document.activeElement")
    page.keyboard.press("Tab")
    page.wait_for_selector("[role=option]", state="detached")
    assert page.evaluate("document.activeElement.value") == "everyday"

    field.click()
    page.get_by_role("option", name="person 0").click()
    set_step(page, 2)
    assert {row["person"] for row in table(page)} <= {"0", ""}

    page.locator("#file").get_by_label("Clear").click()

    page.wait_for_selector("#player .empty >> text=Your recording appears here")
    page.wait_for_selector("#summary [data-duration]", state="detached")
    assert page.locator("#results").is_hidden()
    assert page.get_by_role("combobox", name="Person").input_value() == "whoever is visible"
    assert not page.locator(MESSAGES).count()
    analyze(page, sound)
    assert not page.locator(MESSAGES).count()


def test_analyze_closes_earlier_messages_and_a_number_out_of_range_counts_as_the_nearest(page, sound):
    page.click("#analyze")
    assert toast(page) == "Choose a video or audio file first."
    upload(page, sound)
    page.click("#analyze")
    page.wait_for_selector(MESSAGES, state="detached", timeout=5000)
    finished(page)

    field = page.get_by_label("number input for Smoothing")
    for given, limit in (("30", "10"), ("-5", "0")):
        field.fill(given)
        set_step(page, 2)
        assert not page.locator(MESSAGES).count()
        page.wait_for_function("([field, limit]) => field.value === limit", arg=[field.element_handle(), limit])
        set_step(page, 1)


def test_a_note_about_a_checkpoint_stays_until_its_name_is_corrected(page, sound):
    page.click("text=Details of the recording")
    field = page.get_by_label("Checkpoint")
    field.fill("no name")
    field.press("Enter")
    page.wait_for_selector("#note .callout")
    dismiss(page)
    analyze(page, sound)
    assert page.locator("#note .callout").is_visible()
    field.fill("")
    field.press("Enter")
    page.wait_for_selector("#note .callout", state="detached")


def test_what_no_browser_plays_can_be_turned_and_analysed_and_then_the_player_promises_nothing(page, sound, tmp_path):
    pictures = [Image.effect_noise((64, 48), 40 * number).convert("RGB") for number in (1, 2)]
    moving = tmp_path / "moving.gif"
    pictures[0].save(moving, save_all=True, append_images=pictures[1:], duration=1000)
    page.set_input_files("#file input[type=file]", moving)
    player = page.locator("#player .empty")
    page.wait_for_selector("#player .empty >> text=Analyze may still be able to read it")
    page.click("text=Details of the recording")
    page.locator("#rotate").get_by_label("90°").check()
    page.click("#analyze")
    finished(page)
    assert player.inner_text().strip() == "This browser cannot play the file."
    assert json.loads(download(page, "json")[1])["choices"]["rotate"] == 90

    page.locator("#file").get_by_label("Clear").click()
    upload(page, sound)
    page.wait_for_selector("#rotate", state="hidden")  # it has no picture
    page.locator("#file").get_by_label("Clear").click()
    words = tmp_path / "words.mp4"
    words.write_text("These are words, and no recording.\n" * 20, encoding="utf-8")
    page.set_input_files("#file input[type=file]", words)
    page.wait_for_selector("#player .empty >> text=Analyze may still be able to read it")
    page.click("#analyze")
    page.wait_for_selector("#status .problem")
    assert player.inner_text().strip() == "This browser cannot play the file."


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_buttons_and_tabs_are_readable(chromium, page_server, scheme):
    with visiting(chromium, page_server, color_scheme=scheme) as page:
        for name in ("#analyze", "[role=tab][aria-selected=true]", "[role=tab][aria-selected=false]"):
            element = page.locator(name).first
            assert element.evaluate(CONTRAST) >= READABLE, name
            element.hover()
            page.wait_for_timeout(300)  # the colour changes slowly
            assert element.evaluate(CONTRAST) >= READABLE, name


def test_in_the_dark_no_control_is_white(chromium, page_server, sound):
    with visiting(chromium, page_server, color_scheme="dark") as page:
        upload(page, sound)
        assert brightness(page, "#player audio", x=0.95, y=0.2) < DARK  # beside the buttons
        assert brightness(page, "#step input[type=range]", x=0.9, y=0.5) < DARK  # the track, right of the thumb
        # Firefox and WebKit always show the arrows of a number field, Chromium only under the pointer.
        arrows = page.get_by_label("number input for Step").evaluate("field => getComputedStyle(field).colorScheme")
        assert arrows == "dark"
        assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"  # for scroll bars
        page.emulate_media(color_scheme="light")
        page.wait_for_function("getComputedStyle(document.documentElement).colorScheme !== 'dark'")


def brightness(page, name, x, y):
    """The relative luminance of an element's pixel at these fractions of its width and height."""
    element = page.locator(name)
    element.scroll_into_view_if_needed()
    page.mouse.move(0, 0)
    image = Image.open(io.BytesIO(element.screenshot())).convert("RGB")
    colour = image.getpixel((int(x * image.width), int(y * image.height)))
    return page.evaluate(f"(colour) => {{ {COLOURS} return luminance(colour); }}", f"rgb{colour}")
