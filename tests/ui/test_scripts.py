"""The page's scripts in a page of their own, with as much around them as they need and no server."""

import contextlib
import json

import pytest

from emorec.ui import overview
from emorec.ui.page import layout
from support import factories

ADDRESS = "http://127.0.0.1:9/"  # nothing listens there
SECONDS = 20


@pytest.fixture(scope="module")
def blank(chromium):
    with contextlib.closing(chromium.new_page()) as page:
        errors = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        yield page
        assert errors == []


@pytest.fixture
def opened(blank):
    """A function that shows HTML and runs scripts in it."""

    def show(html, *scripts, before="", fragment=""):
        sources = (f"({(layout.ASSETS / name).read_text(encoding='utf-8')})();" for name in scripts)
        body = f"<!doctype html><body>{html}<script>{before};{''.join(sources)}</script>"
        blank.unroute_all()
        blank.route("**/*", lambda route: route.fulfill(body=body, content_type="text/html"))
        blank.goto("about:blank")
        blank.goto(ADDRESS + fragment)
        return blank

    return show


def drawn(recording="aa", part=None, first=0.0):
    """The overview as the server draws it."""
    timeline = factories.timeline(factories.probabilities(SECONDS))
    if first:
        timeline = timeline.between(first, SECONDS)
    return overview.overview(timeline, part, recording)


def result(**given):
    return (
        f'<div id="overview">{drawn(**given)}</div><div id="range"><textarea></textarea></div>'
        f'<div id="summary"><i data-duration="{SECONDS}" data-step="1"></i></div><div id="readout"><p></p></div>'
        '<div id="timeline"></div><label id="only"><input type="checkbox"></label>'
    )


VIEW = ("page.js", "address.js", "overview.js", "stretch.js")
FIELD = "document.querySelector('#range textarea').value"
SHOW = "(html) => { document.querySelector('#overview').innerHTML = html; }"
# What the brush shows, whether it is said to be all, and where its handles are.
BRUSH = """() => {
  const brush = document.querySelector("#overview .brush"), box = brush.getBoundingClientRect();
  const ribbon = document.querySelector("#overview .ribbon").getBoundingClientRect();
  const handles = [...brush.querySelectorAll(".handle")].map((one) => Number(one.getAttribute("aria-valuenow")));
  return { handles, style: brush.style.left, whole: brush.parentElement.hasAttribute("data-whole"),
           zoomed: document.body.classList.contains("zoomed") };
}"""


def zoom(page, begin, end):
    page.evaluate("document.body.append(document.createElement('i'))")  # as something always changes
    page.evaluate(f"window.emorecView.show({begin}, {end})")
    page.wait_for_function(f"{FIELD} === '{begin:.3f},{end:.3f}'")


def test_the_part_outlasts_another_analysis_of_the_same_recording_and_no_other_one(opened):
    page = opened(result(), *VIEW)
    zoom(page, 8, 12)
    for html in ("", drawn(part=(8, 12))):
        page.evaluate(SHOW, html)
    assert page.evaluate(BRUSH) == {"handles": [8, 12], "style": "40%", "whole": False, "zoomed": True}
    assert page.evaluate(FIELD) and "#t=8,12&of=aa" in page.url
    for html in ("", drawn("bb", part=(8, 12))):
        page.evaluate(SHOW, html)
    page.wait_for_function(f"{FIELD} === '' && !location.hash")
    assert page.evaluate(BRUSH) == {"handles": [0, 20], "style": "0%", "whole": True, "zoomed": False}


def test_the_address_names_no_part_of_what_is_deleted(opened):
    page = opened(result(), *VIEW)
    zoom(page, 8, 12)
    page.evaluate(f"{FIELD} = ''")
    page.evaluate(SHOW, "")
    page.wait_for_function("!location.hash && !window.emorecView.part && !document.body.matches('.zoomed')")


def test_the_brush_is_where_the_part_is_after_an_older_drawing_comes_into_the_same_element(opened):
    page = opened(result(), *VIEW)
    zoom(page, 8, 12)
    page.evaluate(
        """(html) => {
          const old = document.querySelector("#overview .overview"), copy = document.createElement("div");
          const morph = (to, from) => {
            [...to.attributes].forEach((one) => from.hasAttribute(one.name) || to.removeAttribute(one.name));
            [...from.attributes].forEach((one) => to.setAttribute(one.name, one.value));
            [...to.children].forEach((child, place) => morph(child, from.children[place]));
          };
          copy.innerHTML = html;
          morph(old, copy.firstChild);
          old.querySelector(".marks").append("▲");
        }""",
        drawn(),
    )
    assert page.evaluate(BRUSH) == {"handles": [8, 12], "style": "40%", "whole": False, "zoomed": True}


def test_nothing_is_said_of_the_time_before_what_was_analysed(opened):
    page = opened(result(first=5.0), *VIEW)
    said = page.evaluate(
        "[2, 4.9, 5, 6].map(t => (emorecView.readOut(t), document.querySelector('#readout p').textContent))"
    )
    assert [words.endswith("not analysed") for words in said] == [True, True, False, False]
