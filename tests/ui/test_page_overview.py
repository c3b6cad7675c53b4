"""The overview in a real browser: brush, keys, the address, the chosen part, the minutes and the read-out."""

import contextlib
import itertools
import re

import numpy as np
import pytest

from emorec.ui import example
from support.pages import analyze, change, click_at, finished, ground, now, set_number, table, upload, visiting
from support.waiting import until
from train.evaluation import corruptions

SECONDS = 90
PART = "document.querySelector('#range :is(textarea, input)').value"
# Where a chart's widest marks and its frame are, and whether its times can be read.
CHART = """(() => {
  const root = document.querySelector("#timeline svg.marks .role-frame.root");
  const boxes = [...root.querySelectorAll(":scope > g > g:not(.role-axis, .role-legend, .role-title)")]
    .map((mark) => mark.getBoundingClientRect()).sort((a, b) => b.width - a.width);
  const frame = root.querySelector("path.background").getBoundingClientRect();
  const time = document.querySelector("#timeline .role-axis-label [text-anchor=middle]");
  return { left: boxes[0].left - frame.left, width: boxes[0].width, frame: frame.width,
           times: getComputedStyle(time).visibility };
})()"""
# Turns the wheel ten times without a rest; returns what there is then, and how often the server was told something.
TURN = f"""() => new Promise((done) => {{
  const ribbon = document.querySelector("#overview .ribbon"), box = ribbon.getBoundingClientRect();
  const svg = document.querySelector("#timeline svg.marks");
  const field = document.querySelector("#range :is(textarea, input)");
  let turns = 0, told = 0;
  field.addEventListener("input", () => {{ told += 1; }});
  const turn = () => {{
    const same = svg === document.querySelector("#timeline svg.marks");
    if (turns === 10) return done({{ ...{CHART}, told, same, part: window.emorecView.part }});
    turns += 1;
    ribbon.dispatchEvent(new WheelEvent("wheel", {{ deltaY: -20, bubbles: true, cancelable: true,
      clientX: box.left + box.width * 0.4, clientY: box.top + 8 }}));
    setTimeout(turn, 10);
  }};
  turn();
}})"""

# The edges on the screen of the element that clips the marks of a stretched chart, and those of the frame.
CLIPPED = """() => {
  window.emorecView.stretch([30, 60]);
  const mark = document.querySelector("#timeline svg.marks [style*=scaleX]");
  const name = mark.style.clipPath.match(/^url\\("#(.+)"\\)$/)?.[1];
  const box = name && document.querySelector(`#timeline svg.marks clipPath#${name} rect`).getBBox();
  const edge = (x) => box && new DOMPoint(x, 0).matrixTransform(mark.getScreenCTM()).x;
  const frame = window.emorecFrame().getBoundingClientRect();
  const edges = { left: edge(box?.x), right: edge(box?.x + box?.width), frame: [frame.left, frame.right] };
  window.emorecView.stretch([0, 90]);
  return edges;
}"""


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    voice = np.resize(example.voice(), SECONDS * example.SAMPLE_RATE)
    path = tmp_path_factory.mktemp("sound") / "voice.wav"
    corruptions.write_wave(path, voice, example.SAMPLE_RATE)
    return path


@pytest.fixture(scope="module")
def page(chromium, page_server, sound):
    with visiting(chromium, page_server, viewport={"width": 1200, "height": 900}) as opened:
        analyze(opened, sound)
        yield opened


def ribbon(page):
    page.locator("#overview").scroll_into_view_if_needed()
    return page.locator("#overview .ribbon").bounding_box()


def brush(page, begin, end):
    """Draw a brush between two shares of the ribbon."""
    box = ribbon(page)
    page.mouse.move(box["x"] + begin * box["width"], box["y"] + 8)
    page.mouse.down()
    page.mouse.move(box["x"] + (begin + end) / 2 * box["width"], box["y"] + 8)
    page.mouse.move(box["x"] + end * box["width"], box["y"] + 8)
    page.mouse.up()


def part(page):
    return [float(time) for time in page.evaluate(PART).split(",")]


def whole(page):
    """Show all of the recording. The brush lies over the ribbon, so the mouse clicks at a place, not on an element."""
    if page.evaluate(PART):
        box = ribbon(page)
        change(page, lambda: page.mouse.dblclick(box["x"] + box["width"] / 2, box["y"] + 8))


def test_a_brush_shows_a_part_whose_address_shows_the_same(page, chromium, page_server, sound):
    whole(page)
    change(page, lambda: brush(page, 0.2, 0.4))
    assert part(page) == pytest.approx([0.2 * SECONDS, 0.4 * SECONDS], abs=1)
    assert "#t=18" in page.url and "&of=" in page.url
    page.wait_for_function(  # a drawing of all that was still on its way may come before
        "(text => text.includes('0:30') && !text.includes('1:00'))"
        "(document.querySelector('#timeline svg.marks').textContent)"
    )

    with visiting(chromium, page.url, viewport={"width": 1200, "height": 900}) as other:
        said = other.locator("#named-part p")
        said.wait_for()
        assert said.inner_text().startswith("The address of this page names the part from 0:18 to 0:3")
        upload(other, sound)
        other.click("#analyze")
        finished(other)
        other.wait_for_function(f"{PART} !== ''")
        assert part(other) == pytest.approx(part(page), abs=0.1) and said.is_hidden() and "#t=18" in other.url

    another = page.url.partition("&of=")[0] + "&of=00000000"
    with visiting(chromium, another, viewport={"width": 1200, "height": 900}) as other:
        upload(other, sound)
        other.click("#analyze")
        finished(other)
        other.wait_for_function("!location.hash")
        assert other.evaluate(PART) == "" and other.locator("#named-part p").is_hidden()


def test_on_a_phone_the_times_below_the_ribbon_do_not_touch(page):
    page.set_viewport_size({"width": 360, "height": 900})
    times = page.locator("#overview .times b").evaluate_all(
        "all => all.filter((one) => one.offsetParent).map((one) => one.getBoundingClientRect().toJSON())"
    )
    page.set_viewport_size({"width": 1200, "height": 900})
    assert len(times) == 5
    assert all(before["right"] + 2 < after["left"] for before, after in itertools.pairwise(times))
    assert page.locator("#overview .times b").last.is_visible()


def test_summary_and_downloads_follow_the_part_on_request(page):
    whole(page)
    assert len(table(page)) == SECONDS
    change(page, lambda: brush(page, 0.5, 0.6))
    assert len(table(page)) == SECONDS
    page.check("#only input")
    # The chart stays as it is, so there is nothing to wait for but the numbers.
    page.wait_for_function("document.querySelector('#summary [data-rows]').dataset.rows < 20")
    rows = table(page)
    assert 9 <= len(rows) <= 11 and float(rows[0]["start"]) == pytest.approx(SECONDS / 2, abs=1.1)
    page.uncheck("#only input")
    page.wait_for_function(f"document.querySelector('#summary [data-rows]').dataset.rows == {SECONDS}")


def test_the_brush_stays_where_something_was_analysed(page):
    whole(page)
    # As if the analysis had come to 20 s by now.
    page.evaluate("document.querySelector('#overview .overview').dataset.until = '20'")
    change(page, lambda: brush(page, 0.5, 0.6))
    begin, end = part(page)
    assert begin == 19.0 and end == pytest.approx(28.0, abs=1)
    page.evaluate(f"document.querySelector('#overview .overview').dataset.until = '{SECONDS}'")


def test_another_recording_is_shown_whole(page):
    whole(page)
    change(page, lambda: brush(page, 0.5, 0.6))
    assert "#t=" in page.url and "zoomed" in page.get_attribute("body", "class")
    for name in ("Start", "End"):  # the server writes what a redraw would take away
        assert page.get_by_role("slider", name=f"{name} of the shown part").get_attribute("aria-valuemax") == "90.0"
    change(page, lambda: page.click("#recents [data-do^=open]"))
    page.wait_for_function(f"{PART} === '' && !document.body.classList.contains('zoomed')")
    assert "#t=" not in page.url
    page.wait_for_selector("#overview [data-whole]")
    assert page.get_attribute("#range :is(textarea, input)", "tabindex") == "-1"


def test_a_chart_of_another_part_is_asked_for_again(page):
    whole(page)
    change(page, lambda: brush(page, 0.5, 0.6))
    page.wait_for_function("document.querySelector('#summary [data-shown]')")
    # As if the answer to an earlier request had come last.
    page.evaluate("document.querySelector('#summary [data-shown]').dataset.shown = '1.000,9.000'")
    page.evaluate("(svg => svg.before(svg.cloneNode(true)))(document.querySelector('#timeline svg.marks'))")
    page.wait_for_function("window.emorecView.drawn?.[0] === 1")
    page.evaluate("document.querySelector('#timeline svg.marks').remove()")
    page.wait_for_function(f"{PART}.endsWith(' ')")


@pytest.mark.parametrize(
    ("field", "then"), [("#style [value=lines]", "[data-style=lines]"), ("#only input", "[data-only]")]
)
def test_what_is_chosen_while_a_chart_is_drawn_is_shown_once_all_answers_have_come(field, then, page):
    whole(page)
    change(page, lambda: brush(page, 0.5, 0.6))
    for choice in ("#only input", "#style [value=stacked]"):  # what a failed attempt may have left
        page.set_checked(choice, "style" in choice)
    page.wait_for_selector("#summary [data-style=stacked]:not([data-only])", state="attached")
    step, held = float(page.get_attribute("#summary [data-step]", "data-step")), []
    page.route("**/queue/join*", lambda route: route.continue_() if held else held.append(route))
    set_number(page, "Step", int(3 - step))
    until(lambda: page.evaluate("1") and held)
    page.click(field)
    page.wait_for_selector(f"#summary {then}", state="attached")
    change(page, held[0].continue_)  # the answer to the earlier request comes last
    page.unroute("**/queue/join*")
    assert float(page.get_attribute("#summary [data-step]", "data-step")) == 3 - step
    page.wait_for_selector(f"#summary {then}", state="attached")
    page.click("#only input" if "only" in field else "#style [value=stacked]")
    page.wait_for_selector(f"#summary [data-style]:not({then})", state="attached")


def test_the_keyboard_alone_zooms_and_moves(page):
    whole(page)
    page.focus("#overview .handle >> nth=0")
    change(page, lambda: page.keyboard.press("+"))
    assert part(page) == pytest.approx([SECONDS / 4, 3 * SECONDS / 4], abs=0.1)
    begin = part(page)[0]
    change(page, lambda: page.keyboard.press("ArrowRight"))
    assert part(page)[0] == pytest.approx(begin + 1, abs=0.1)
    assert float(page.get_attribute("#overview .handle >> nth=0", "aria-valuenow")) == pytest.approx(begin + 1, abs=0.1)
    change(page, lambda: page.keyboard.press("0"))
    assert page.evaluate(PART) == ""


def test_the_wheel_zooms_on_the_ribbon_around_the_pointer(page):
    whole(page)
    box = ribbon(page)
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 8)
    change(page, lambda: page.mouse.wheel(0, -200))
    begin, end = part(page)
    assert end - begin < SECONDS and (begin + end) / 2 == pytest.approx(SECONDS / 2, abs=1)


@contextlib.contextmanager
def touching(page, place):
    """Yield a function that lays fingers at shares of a place, moves them there, or lifts all that are not named."""
    browser = page.context.new_cdp_session(page)
    browser.send("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 2})
    box = place(page)  # only now, because what can be touched is larger on a screen for fingers

    def touch(kind, *shares):
        points = [
            {"x": box["x"] + share * box["width"], "y": box["y"] + 8, "id": finger}
            for finger, share in enumerate(shares)
        ]
        browser.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    yield touch
    browser.send("Emulation.setTouchEmulationEnabled", {"enabled": False})
    browser.detach()


@pytest.mark.parametrize("place", [ribbon, ground])
def test_two_fingers_zoom_and_seek_nowhere(page, place):
    whole(page)
    before = now(page)
    with touching(page, place) as touch:

        def pinch():
            touch("touchStart", 0.45)
            touch("touchMove", 0.44)  # fingers do not arrive together, nor do they keep still
            touch("touchStart", 0.44, 0.56)
            for left in (0.4, 0.35, 0.3, 0.25, 0.2):
                touch("touchMove", left, 1 - left)
            touch("touchEnd")

        change(page, pinch)
    begin, end = part(page)
    assert end - begin < SECONDS / 3 and (begin + end) / 2 == pytest.approx(SECONDS / 2, abs=3)
    assert now(page) == before


def test_while_the_wheel_turns_the_chart_is_stretched_and_once_it_rests_another_is_drawn(page):
    whole(page)
    before = page.evaluate(CHART)
    page.evaluate("document.querySelector('#timeline svg.marks').classList.add('before')")
    seen = page.evaluate(TURN)
    begin, end = seen["part"]
    factor = SECONDS / (end - begin)
    assert factor > 2 and seen["same"] and seen["told"] == 0
    assert seen["width"] == pytest.approx(before["width"] * factor, rel=0.02)
    shift = begin / (end - begin) * before["frame"]
    assert seen["left"] == pytest.approx(before["left"] * factor - shift, abs=0.02 * before["width"])
    assert seen["times"] == "hidden"
    page.wait_for_selector("#timeline svg.marks:not(.before)")
    page.wait_for_function(f"{CHART}.times === 'visible'")
    assert part(page) == pytest.approx([begin, end], abs=0.01)
    assert page.locator("#timeline svg.marks [style*=scaleX]").count() == 0


def test_what_is_beside_the_shown_part_is_clipped_by_an_element_that_is_stretched_too(page):
    whole(page)
    edges = page.evaluate(CLIPPED)  # WebKit draws nothing of a stretched chart that a shape of CSS clips
    assert edges["left"] == pytest.approx(edges["frame"][0], abs=2)
    assert edges["right"] == pytest.approx(edges["frame"][1], abs=2)


def test_a_chart_that_is_where_it_was_is_as_it_was(page):
    whole(page)
    page.evaluate("window.emorecView.show(20, 40); window.emorecView.show(0, 90)")
    assert page.locator("#timeline svg.marks [style*=scaleX]").count() == 0
    assert page.evaluate(CHART)["times"] == "visible"


def test_a_minute_is_shown_by_a_click_and_the_most_negative_are_marked(page):
    whole(page)
    page.click("text=Every minute")
    change(page, lambda: page.click("#minutes [data-from] >> nth=1"))
    assert part(page) == pytest.approx([60, SECONDS], abs=0.1) and now(page) == pytest.approx(60, abs=0.3)
    page.click("[data-negative]")
    valence = page.eval_on_selector_all("#minutes tbody tr[data-valence]", "rows => rows.map(r => +r.dataset.valence)")
    assert len(valence) == 2 and valence == sorted(valence)
    # Both are pleasant or calm, so a sentence says that none is negative; then the first one is made negative.
    said = "#minutes [role=status]"
    assert min(valence) > 0 and page.locator("#minutes tr.chosen").count() == 0
    assert page.inner_text(said) == "No minute is clearly negative."
    page.eval_on_selector("#minutes tbody tr", "row => row.dataset.low = ''")
    page.click("[data-negative]")
    assert page.locator("#minutes tr.chosen").count() == 1 and page.inner_text(said) == ""
    # Of a day it has 50,000 elements: what changes elsewhere does not lay it out, and folded it is not there.
    assert page.eval_on_selector("#minutes .minutes", "table => getComputedStyle(table).contain") == "content"
    page.click("text=Every minute")
    page.wait_for_selector("#minutes .minutes", state="detached")
    page.click("text=Every minute")
    page.wait_for_selector("#minutes tr[data-valence]")
    page.click("text=Every minute")


def test_the_read_out_follows_the_playhead(page):
    whole(page)
    box = ribbon(page)
    page.mouse.click(box["x"] + 300, box["y"] + 8)
    page.wait_for_function("document.querySelector('#readout p').textContent.startsWith('0:')")
    words = page.inner_text("#readout p")
    assert "%" in words and page.get_attribute("#readout p", "aria-live") == "polite"
    assert page.evaluate("document.activeElement.id") == "playhead"  # after a click on the overview, too
    page.keyboard.press("End")
    page.wait_for_function("words => document.querySelector('#readout p').textContent !== words", arg=words)
    assert page.inner_text("#readout p").startswith("1:30 · ") and "not analysed" not in page.inner_text("#readout p")


def test_the_read_out_says_why_it_is_unsure(page):
    said = page.evaluate(
        """() => {
        const host = document.querySelector("#overview [data-emotions]"), rows = host.dataset.rows, said = [];
        for (const row of ["90,0,37,0,-1,0,-1,0", "90,0,79,1,-1,0,-1,0", "90,0,79,2,-1,0,-1,0"]) {
          host.dataset.rows = row;
          window.emorecView.readOut(1, true);
          said.push(document.querySelector("#readout p").textContent.split(" · ")[1]);
        }
        host.dataset.rows = rows;
        return said;
        }"""
    )
    first = said[1].removesuffix(" 79%")
    assert said[0] == f"{first} 37%, unsure: low confidence"
    assert said[2] == f"{first} 79%, unsure: all evidence is from just before or after"


def test_without_a_player_the_playhead_and_the_read_out_follow_all_the_same(page):
    whole(page)
    page.evaluate("document.querySelector('#player').innerHTML = '<div class=empty>Not kept any more.</div>'")
    words, head = page.locator("#readout p"), page.locator("#playhead")
    for share, time in ((0.506, "0:45"), (0.25, "0:22")):
        click_at(page, share)
        place, box = ground(page), head.bounding_box()
        assert re.match(rf"{time}(\.\d)? · .*%", words.inner_text())
        assert box["x"] + box["width"] / 2 == pytest.approx(place["x"] + share * place["width"], abs=3)
    before = page.evaluate("scrollY")
    for key, time in (("ArrowRight", "0:23"), ("Home", "0:00"), ("PageUp", "0:10"), ("End", "1:30")):
        page.keyboard.press(key)
        assert re.match(rf"{time}(\.\d)? · ", words.inner_text())
    change(page, lambda: page.keyboard.press("+"))  # the focus outlasts a redraw
    page.wait_for_function("document.activeElement.id === 'playhead'")
    assert page.evaluate("scrollY") == before
    whole(page)
    page.click("text=Every row")
    page.click("#rows [data-testid=cell-3-2]")
    page.wait_for_function("document.querySelector('#readout p').textContent.startsWith('0:03 · ')")
