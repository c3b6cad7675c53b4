"""The page for people who use a keyboard, a screen reader or a finger, and what it writes into the console."""

import pytest

from support import make_media, two_people
from support.pages import analyze, change, finished, grave_faults, upload, visiting

# Gradio's own, when it ends a stream of events whose object has no such method.
GRADIO_MESSAGES = {"warning: Method not implemented."}
LIMIT = 44  # px, of a target for fingers
SIZES = {"wide": {"width": 1280, "height": 900}, "narrow": {"width": 380, "height": 800}}
FOLDS = ("Details of the recording", "People", "Every minute", "Every row", "What this can and cannot tell")
# What can be pressed and is visible. The label of a radio button or of a check box is what a finger presses.
SMALL = f"""() => [...document.querySelectorAll("button, a[download], input, select, textarea, [role=slider]")]
  .map((element) => element.matches("[type=radio], [type=checkbox]") ? element.closest("label") : element)
  .filter((element) => element.checkVisibility({{ opacityProperty: true, visibilityProperty: true }}))
  .filter((element) => !element.closest("[aria-hidden=true], #range") && element.id !== "playhead")
  .map((element) => {{
    const own = element.getBoundingClientRect(), more = getComputedStyle(element, "::after");
    const handle = element.matches(".handle");  // its ::after takes fingers
    const [around, across] = handle ? [-2 * parseFloat(more.top), -2 * parseFloat(more.left)] : [0, 0];
    return [element.id || element.outerHTML.slice(0, 120), own.width + across, own.height + around];
  }})
  .filter(([, width, height]) => width < {LIMIT - 0.5} || height < {LIMIT - 0.5})"""


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    return two_people.record(tmp_path_factory.mktemp("two") / "two.mp4")


@pytest.fixture(scope="module")
def visit(chromium, page_server, two):
    """The page with an analysed recording and everything unfolded, and the messages in the console."""
    with visiting(chromium, page_server, viewport=SIZES["wide"], has_touch=True) as page:
        messages = []
        page.goto("about:blank")  # a page that is left may say that its requests are ended
        page.on("console", lambda message: messages.append(f"{message.type}: {message.text}"))
        page.goto(page_server)
        page.wait_for_selector("#analyze")
        analyze(page, two)
        unfold(page)
        yield page, messages


@pytest.fixture
def page(visit):
    return visit[0]


@pytest.fixture
def emulate(page):
    """A function that shows the page in a scheme of colours and with other wishes, which end with the test."""

    def show(scheme, **wishes):
        page.emulate_media(color_scheme=scheme, **wishes)
        page.wait_for_function("dark => document.body.classList.contains('dark') === dark", arg=scheme == "dark")
        page.wait_for_timeout(500)  # colours change slowly, and the chart is drawn in its new width

    yield show
    page.emulate_media(color_scheme="light", forced_colors="none", contrast="no-preference")


def unfold(page):
    for words in FOLDS:
        page.get_by_role("button", name=words).click()
    page.wait_for_selector("#rows [data-testid=cell-0-1]")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_grave(page, emulate, scheme, size):
    page.set_viewport_size(SIZES[size])
    emulate(scheme)
    if size == "narrow":
        page.get_by_role("button", name="Choices", exact=True).click()
        page.wait_for_selector("#panel")
    assert grave_faults(page) == []
    page.keyboard.press("Escape")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_forced_colours_keep_the_colours_of_emotions_and_show_what_can_be_pressed(page, emulate, scheme):
    page.set_viewport_size(SIZES["wide"])
    emulate(scheme, forced_colors="active")

    def styles(selector, name):
        return page.eval_on_selector_all(
            selector, "(found, name) => found.map(each => getComputedStyle(each)[name])", name
        )

    canvas = page.evaluate("getComputedStyle(document.body).backgroundColor")
    swatches = styles(".legend li:not(.hatched, .dotted) i", "backgroundColor")
    assert len(set(swatches)) == 7
    drawn = styles(".overview .ribbon > i, .summary td i, .overview .handle, #playhead", "backgroundColor")
    assert len(drawn) > 4 and canvas not in drawn
    for name in ("#analyze", "#csv", "[role=tab]"):
        assert "0px" not in styles(name, "borderLeftWidth")
    assert styles("#style input:checked", "appearance") == ["auto"]
    text = page.evaluate("getComputedStyle(document.body).color")
    assert set(styles("#timeline svg text", "fill")) == {text}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_more_contrast_leaves_no_grey_text(page, emulate, scheme):
    page.set_viewport_size(SIZES["wide"])
    emulate(scheme, contrast="more")
    text, *others = page.evaluate("""() => [getComputedStyle(document.querySelector("h1")).color,
      ...["header p", ".caption", ".summary dt", "#fusion .info, #fusion [data-testid=block-info]"]
        .map((one) => getComputedStyle(document.querySelector(one)).color),
      getComputedStyle(document.querySelector("#timeline svg text")).fill]""")
    assert set(others) == {text}


def test_the_chart_has_a_role_and_says_what_it_shows(page):
    chart = page.locator("#timeline [role=graphics-document]")
    assert chart.get_attribute("aria-label").startswith("Probabilities of seven emotions over time, stacked, from 0:00")
    assert page.locator("#timeline svg [role=graphics-symbol]:not([aria-hidden])").count() == 0


def test_radio_buttons_are_one_tab_stop_and_arrow_keys_choose(page):
    page.set_viewport_size(SIZES["wide"])
    page.focus("#style input:checked")
    change(page, lambda: page.keyboard.press("ArrowRight"))
    assert page.locator("#style input:checked").get_attribute("value") == "lines"
    assert page.get_attribute("#timeline [role=graphics-document]", "aria-label").startswith(
        "Probabilities of seven emotions over time, as lines"
    )
    names = page.eval_on_selector_all("#style input", "radios => radios.map(radio => radio.name)")
    assert len(names) == 3 and len(set(names)) == 1
    page.focus("#style input:checked")
    page.keyboard.press("Tab")
    assert not page.evaluate("document.activeElement.matches('#style input')")
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.value") == "lines"
    change(page, lambda: page.keyboard.press("ArrowLeft"))
    assert page.get_attribute("#fusion", "aria-label") == "Fusion"


def test_what_can_be_pressed_is_large_enough_for_fingers_on_a_narrow_screen(page):
    page.set_viewport_size(SIZES["narrow"])
    page.wait_for_timeout(300)
    page.get_by_role("button", name="Choices", exact=True).click()
    page.wait_for_selector("#panel")
    assert page.evaluate(SMALL) == []
    page.keyboard.press("Escape")
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES["narrow"]["width"]


def test_what_can_be_pressed_is_large_enough_for_a_mouse_on_a_wide_screen(chromium, page_server):
    with visiting(chromium, page_server, viewport=SIZES["wide"]) as page:
        page.wait_for_selector("input[type=number]")
        heights = page.eval_on_selector_all(
            ".gradio-container :is(button, input[type=number]):not([tabindex='-1'])",
            """found => found.filter(each => each.checkVisibility({ visibilityProperty: true }))
              .map(each => [each.getBoundingClientRect().height, each.outerHTML.slice(0, 120)])""",
        )
    assert len(heights) > 10 and [each for each in heights if each[0] < 24] == []


def test_nothing_is_in_the_console_but_what_gradio_writes(visit):
    assert set(visit[1]) <= GRADIO_MESSAGES


def test_a_key_that_disables_or_hides_its_button_does_not_lose_the_focus_and_a_screen_reader_reads_the_end(
    chromium, page_server, two
):
    with visiting(chromium, page_server) as page:
        upload(page, two)
        page.evaluate("""() => {
          window.said = [];
          new MutationObserver(() => {
            for (const place of document.querySelectorAll("#readout [role=status], #status [role=status]")) {
              const words = place.ariaLive === "off" ? "" : place.textContent;
              if (words && !said.includes(words)) said.push(words);
            }
          }).observe(document.body, { childList: true, subtree: true, characterData: true });
        }""")
        page.focus("#analyze")
        page.keyboard.press("Enter")
        finished(page)
        page.wait_for_function("document.activeElement.id === 'analyze'")
        page.wait_for_function("document.querySelector('#readout p').textContent")
        page.wait_for_timeout(300)
        said = page.evaluate("said")
        assert said[-1].startswith("Analysed") and not [words for words in said if "%" in words]
        page.focus("#playhead")
        page.keyboard.press("ArrowRight")
        page.wait_for_function("said.at(-1).includes('%')")  # but what the person asks for

        page.get_by_role("button", name="Delete my recordings").focus()
        page.keyboard.press("Enter")
        # Not the button that confirms: a key that is held down would press it.
        page.wait_for_function("document.activeElement.id === 'erasing'")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent.trim()") == "Delete recordings and results for good"


def test_the_title_says_in_another_tab_how_far_an_analysis_is_and_that_it_has_ended(chromium, page_server, two):
    with visiting(chromium, page_server) as page:
        upload(page, two)
        page.evaluate("""() => {
          window.titles = [];
          Object.defineProperty(document, "hidden", { get: () => window.away, configurable: true });
          window.away = true;
          new MutationObserver(() => titles.push(document.title))
            .observe(document.querySelector("title"), { childList: true });
        }""")
        page.click("#analyze")
        finished(page)
        page.wait_for_function("document.title === 'Done · emorec'")
        assert page.evaluate("titles")[0] == "… · emorec"
        page.evaluate("away = false; document.dispatchEvent(new Event('visibilitychange'))")
        assert page.title() == "emorec"


def test_the_title_says_in_another_tab_that_an_analysis_has_failed(chromium, page_server, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no film")
    with visiting(chromium, page_server) as page:
        upload(page, broken)
        page.evaluate("Object.defineProperty(document, 'hidden', { get: () => true })")
        page.click("#analyze")
        page.wait_for_selector("#status .problem")
        page.wait_for_function("document.title === 'Failed · emorec'")


def test_sound_alone_has_nothing_about_faces(chromium, page_server, tmp_path):
    audio = make_media.Audio(codec="pcm_s16le", rate=16_000, duration=4, tones=((0, 4),))
    sound = make_media.record(tmp_path / "tone.wav", audio=audio)
    with visiting(chromium, page_server) as page:
        page.click("text=Details of the recording")
        page.wait_for_selector("#person")
        assert page.get_by_text("Face only").is_visible()
        upload(page, sound)
        for name in ("#person", "#video-track"):
            page.wait_for_selector(name, state="hidden")
        assert page.get_by_text("Face only").is_hidden() and page.get_by_text("Voice only").is_visible()
        page.click("#analyze")
        finished(page)
        assert "face" not in page.locator("#timeline svg.marks").text_content()
        assert "Face seen" not in page.inner_text("#summary") and "face" not in page.inner_text("#readout")
        page.click("text=What the strips and the numbers mean")
        assert "speech counts" in page.inner_text("#legend") and "face" not in page.inner_text("#legend")


def test_a_link_to_the_page_shows_its_own_name_on_other_sites(page):
    tags = page.eval_on_selector_all(
        "head meta:is([property^='og:'], [name^='twitter:'])",
        "tags => tags.map(tag => [tag.getAttribute('property') ?? tag.name, tag.content])",
    )
    assert ["og:title", "emorec"] in tags and ["twitter:title", "emorec"] in tags
    assert len({name for name, _ in tags}) == len(tags)
    assert not any("gradio" in words.lower() for _, words in tags)
