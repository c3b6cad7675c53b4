"""The tab Live in a real browser, with Chromium's fake camera and microphone."""

import contextlib
import re

import pytest

from emorec.emotions import EMOTIONS
from emorec.output import charts
from emorec.ui import fragments
from emorec.ui.page import live
from support import browser, fake_camera
from support.pages import table, toast, visiting
from support.paths import find_files

DELAY = re.compile(r"Delay (\d+\.\d) s · (\d+\.\d) pictures a second")

BOTH = "() => !/no face|no speech|Starting/.test(document.querySelector('#live-view .reading').textContent)"
# The first request with sound gets no answer.
HOLD = """() => {
  const usual = window.fetch;
  window.fetch = (address, how) => {
    const length = Number(new URL(address, location).searchParams.get("length"));
    if (window.held || !String(address).includes("/live/") || how.body.size === length) return usual(address, how);
    window.held = true;
    return new Promise((_, reject) => how.signal?.addEventListener("abort", () => reject(how.signal.reason)));
  };
}"""
DENY = """() => {
  navigator.mediaDevices.getUserMedia = async () => { throw new DOMException("no", "NotAllowedError"); };
}"""


@pytest.fixture
def filmed(chromium, tmp_path):
    """A Chromium whose camera shows the portrait of the example."""
    # Of the same Playwright as the other browser, because a process can only run one.
    arguments = [*browser.ARGUMENTS, *fake_camera.arguments(tmp_path)]
    with contextlib.closing(chromium.browser_type.launch(executable_path=browser.find(), args=arguments)) as running:
        yield running


def open_live(page):
    page.get_by_role("tab", name="Live").click()
    page.wait_for_selector("#live-start")


def test_a_session_is_read_drawn_and_saved(filmed, page_server, page_folder):
    with visiting(filmed, page_server) as page:
        open_live(page)
        page.wait_for_selector("#analyze", state="hidden")
        assert page.locator("#live-save").is_disabled()
        page.evaluate(HOLD)
        page.click("#live-start")
        page.wait_for_selector("#live-view .reading[data-emotion]:not([data-emotion=''])")
        page.wait_for_selector("#live-chart svg.marks")
        shown = page.inner_text("#live-view .reading")
        assert re.match(rf"(unsure \()?({'|'.join(EMOTIONS)}) \d+%", shown), shown
        assert DELAY.fullmatch(page.inner_text("#live-view .delay"))
        # Something of both: the voice takes longer than the face, and sound whose answer never comes is given up.
        # The portrait's mouth does not move, so the voice may be given to somebody off screen.
        page.wait_for_function(BOTH)
        assert page.evaluate("window.held")
        assert not find_files(page_folder / "uploads", "*.jp*g"), "a picture was written to disk"

        page.click("#live-save")
        page.wait_for_selector("#status >> text=of the live session; its timeline is below")
        page.wait_for_selector("#summary [data-complete]", state="attached")
        page.wait_for_selector("#timeline svg.marks")
        assert page.locator("#downloads").is_visible() and page.locator("#video").is_hidden()  # there is no film
        rows = table(page)
        assert len(rows) >= 2 and any(row["dominant"] for row in rows)
        assert max(float(row["face_coverage"]) for row in rows) > 0.5
        assert page.inner_text("#live-view .reading") == "Stopped."
        assert page.locator("#live-start").is_enabled() and page.locator("#live-save").is_disabled()
        assert page.evaluate("document.querySelector('#live-view video').srcObject") is None


def test_a_session_is_saved_after_a_reload(filmed, page_server):
    with visiting(filmed, page_server) as page:
        open_live(page)
        page.click("#live-start")
        page.wait_for_selector("#live-chart svg.marks")
        page.reload()
        assert "live session of 0:" in toast(page)
        open_live(page)
        assert "of the session that ended with its page are still here" in page.inner_text("#live-note")
        page.wait_for_selector("#live-chart svg.marks")
        assert page.locator("#live-start").is_enabled() and page.locator("#live-stop").is_disabled()
        page.click("#live-save")
        page.wait_for_selector("#status >> text=of the live session; its timeline is below")
        page.wait_for_selector("#summary [data-complete]", state="attached")


def test_start_replaces_a_session_that_was_not_saved_only_when_it_is_pressed_again(filmed, page_server):
    with visiting(filmed, page_server) as page:
        open_live(page)
        page.click("#live-start")
        page.wait_for_selector("#live-chart svg.marks")
        page.click("#live-stop")
        page.wait_for_selector("#live-start:enabled")
        page.click("#live-start")
        assert "of the last session are not saved" in page.wait_for_selector("#live-note .callout").inner_text()
        assert page.evaluate("document.querySelector('#live-view video').srcObject") is None
        page.click("#live-start")
        page.wait_for_selector("#live-stop:enabled")
        page.wait_for_selector("#live-view .reading[data-emotion]:not([data-emotion=''])")
        page.click("#live-save")
        page.wait_for_selector("#live-save:disabled")
        page.click("#live-start")  # it is saved, so nothing is asked
        page.wait_for_selector("#live-stop:enabled")
        page.click("#live-stop")


def test_the_legend_has_the_order_of_the_chart_of_a_result():
    for style in charts.STYLES:
        names = re.findall(r"</i>(\w+)</li>", live._legend(style))
        assert names and names == re.findall(r"</i>(\w+)</li>", fragments.legend(style))[: len(names)]


def test_without_permission_there_is_one_sentence(chromium, page_server):
    with visiting(chromium, page_server, permissions=[]) as page:
        open_live(page)
        page.evaluate(DENY)
        page.click("#live-start")
        words = page.wait_for_selector("#live-note .callout").inner_text()
        assert words.startswith("The browser does not let this page use the camera or the microphone;")
        assert page.locator("#live-start").is_enabled() and page.locator("#live-stop").is_disabled()
