"""Steps of the browser tests: open the page, upload, analyze, and read what the page shows."""

import contextlib
import csv
from pathlib import Path
from urllib.parse import urlparse

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Error

PATIENCE = 120_000  # milliseconds; timeout of a step on a busy machine
GROUND = "#timeline svg.marks .role-frame.root path.background"
POLICY = "Content Security Policy"  # is in each of the browser's messages about what it refuses
GRAVE = ("serious", "critical")  # of the impacts that axe-core names
MEDIA = "document.querySelector('#player :is(video, audio)')"
_unused: dict[tuple[Browser, str], list[BrowserContext]] = {}  # by browser and settings


@contextlib.contextmanager
def visiting(chromium, address, viewport=None, color_scheme=None, **settings):
    """The page as a new visitor sees it. Fails at the end if the page sent a request to another machine."""
    with browsing(chromium, **settings) as context:
        opened, requested, errors = context.new_page(), set(), []
        # Of the page and not of the context, so that visits in several sizes and colours share one.
        if viewport:
            opened.set_viewport_size(viewport)
        if color_scheme:
            opened.emulate_media(color_scheme=color_scheme)
        opened.on("request", lambda request: requested.add(urlparse(request.url)))
        opened.on("pageerror", lambda error: errors.append(str(error)))
        opened.on("console", lambda message: errors.append(message.text) if POLICY in message.text else None)
        opened.goto(address)
        opened.wait_for_selector("#analyze")
        yield opened
    assert {url.hostname for url in requested if url.scheme not in ("data", "blob")} == {"127.0.0.1"}
    assert errors == []


@contextlib.contextmanager
def browsing(chromium, **settings):
    """A browser context without cookies and without stored data; its pages are closed at the end.

    A later visit with the same settings uses it again: with the page's scripts in its cache, Chromium opens the page in
    less time. Visits at the same time have one each.
    """
    unused = _unused.setdefault((chromium, repr(sorted(settings.items()))), [])
    context = unused.pop() if unused else chromium.new_context(accept_downloads=True, **settings)
    context.set_default_timeout(PATIENCE)
    try:
        yield context
    finally:
        for page in context.pages:  # also after a failure: its job would run beside the next tests
            with contextlib.suppress(Error):
                page.evaluate("localStorage.clear(), sessionStorage.clear()")
            page.close()
        context.clear_cookies()
        unused.append(context)


def upload(page, path):
    page.set_input_files("#file input[type=file]", path)
    page.wait_for_selector(f"#file >> text={path.suffix}")
    page.wait_for_selector("#player :is(video, audio)", state="attached")


def analyze(page, path):
    upload(page, path)
    page.click("#analyze")
    finished(page)


def finished(page):
    """Wait until an analysis is complete and all of it is drawn."""
    page.wait_for_selector("#status >> text=/Analysed (before|\\d)/")
    page.wait_for_selector("#summary [data-complete]", state="attached")
    page.wait_for_selector("#timeline svg.marks")


def change(page, make):
    """Call ``make`` and wait until another timeline is drawn."""
    page.evaluate("document.querySelector('#timeline svg.marks').classList.add('before')")
    make()
    page.wait_for_selector("#timeline svg.marks:not(.before)")


@contextlib.contextmanager
def holding(page):
    """Keep back what the page sends to the server until the end, as a slow connection does."""
    page.evaluate(
        """() => {
          const send = window.fetch, held = new Promise((resolve) => { window.letGo = resolve; });
          window.fetch = (...request) => held.then(() => send(...request));
        }"""
    )
    yield
    page.evaluate("letGo()")


def set_number(page, label, value):
    """Type a number until it stays: a field that was only just unfolded may restore its own value."""
    field = page.get_by_label(f"number input for {label}")
    for _ in range(10):
        field.fill(str(value))
        field.press("Enter")
        page.wait_for_timeout(100)
        if field.input_value() == str(value):
            return
    raise AssertionError(f"{label} does not become {value}")


def give_name(page, name):
    """Name the chosen person; before Enter, type until it stays, as in ``set_number``."""
    field = page.get_by_label("Name")
    for _ in range(10):
        field.fill(name)
        page.wait_for_timeout(100)
        if field.input_value() == name:
            return field.press("Enter")
    raise AssertionError(f"the name does not become {name}")


def download(page, kind):
    """Name and content of the file that a button downloads."""
    with page.expect_download() as caught:
        page.click(f"#{kind}")
    return caught.value.suggested_filename, Path(caught.value.path()).read_bytes()


def table(page):
    """The rows of the downloaded CSV, as dicts."""
    return list(csv.DictReader(download(page, "csv")[1].decode().splitlines()))


def await_cards(page, *names):
    """Wait until these persons have cards."""
    page.wait_for_function(
        "names => [...document.querySelectorAll('#cards li b')].map(card => card.innerText).join() === names",
        arg=",".join(names),
    )


def toast(page):
    return page.wait_for_selector("[data-testid=toast-text]").inner_text()


def dismiss(page):
    """Close the only toast."""
    page.click("[data-testid=toast-close]")
    page.wait_for_selector("[data-testid=toast-text]", state="detached")


def now(page):
    """The time of the player (s)."""
    return page.evaluate(f"{MEDIA}.currentTime")


def ground(page):
    """The rectangle of the timeline on the screen, from its start to its end, after scrolling to it."""
    # In one call, because the timeline may be redrawn between two calls.
    return page.wait_for_function(
        """ground => {
          const found = document.querySelector(ground);
          if (!found || !found.getBoundingClientRect().width) return false;
          found.closest("svg").scrollIntoView({ block: "nearest", behavior: "instant" });
          return found.getBoundingClientRect().toJSON();
        }""",
        arg=GROUND,
    ).json_value()


def click_at(page, share):
    """Click on the timeline at this share of its time (0 to 1)."""
    place = ground(page)
    page.mouse.click(place["x"] + share * place["width"], place["y"] + place["height"] / 3)


def grave_faults(page):
    """What axe-core finds on a page that keeps somebody from using it: (rule, place, HTML) of each."""
    found = Axe().run(page).response["violations"]
    return [
        (one["id"], node["target"], node["html"]) for one in found if one["impact"] in GRAVE for node in one["nodes"]
    ]
