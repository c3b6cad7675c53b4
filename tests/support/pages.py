"""How the tests of the page handle it: open it in a browser of one's own, upload, analyze, read what it shows."""

import contextlib
import csv
from pathlib import Path
from urllib.parse import urlparse

PATIENCE = 120_000  # milliseconds that a step may take on a busy machine
GROUND = "#timeline svg.marks .role-frame.root path.background"
POLICY = "Content Security Policy"  # what the browser says of everything that it refuses
MEDIA = "document.querySelector('#player :is(video, audio)')"


@contextlib.contextmanager
def visiting(chromium, address, **settings):
    """The page in a browser of its own, which may ask nothing of any other machine."""
    context = chromium.new_context(accept_downloads=True, **settings)
    context.set_default_timeout(PATIENCE)
    with contextlib.closing(context):  # also after a failure: what it watches would run on beside the next tests
        opened, asked, broken = context.new_page(), set(), []
        opened.on("request", lambda request: asked.add(urlparse(request.url)))
        opened.on("pageerror", lambda error: broken.append(str(error)))
        opened.on("console", lambda told: broken.append(told.text) if POLICY in told.text else None)
        opened.goto(address)
        opened.wait_for_selector("#analyze")
        yield opened
    assert {url.hostname for url in asked if url.scheme not in ("data", "blob")} == {"127.0.0.1"}
    assert broken == []


def upload(page, path):
    page.set_input_files("#file input[type=file]", path)
    page.wait_for_selector(f"#file >> text={path.suffix}")
    page.wait_for_selector("#player :is(video, audio)", state="attached")


def analyze(page, path):
    upload(page, path)
    page.click("#analyze")
    finished(page)


def finished(page):
    """Wait until an analysis has come to its end and all of it is drawn."""
    page.wait_for_selector("#status >> text=/Analysed (before|\\d)/")
    page.wait_for_selector("#summary [data-complete]", state="attached")
    page.wait_for_selector("#timeline svg.marks")


def change(page, make):
    """Make a change and wait until another timeline is drawn."""
    page.evaluate("document.querySelector('#timeline svg.marks').classList.add('before')")
    make()
    page.wait_for_selector("#timeline svg.marks:not(.before)")


def set_number(page, label, value):
    """Type a number until it stays: a field that has only just been unfolded may take its own value back."""
    field = page.get_by_label(f"number input for {label}")
    for _ in range(10):
        field.fill(str(value))
        field.press("Enter")
        page.wait_for_timeout(100)
        if field.input_value() == str(value):
            return
    raise AssertionError(f"{label} does not become {value}")


def download(page, kind):
    """Name and content of what a button gives."""
    with page.expect_download() as caught:
        page.click(f"#{kind}")
    return caught.value.suggested_filename, Path(caught.value.path()).read_bytes()


def table(page):
    """The rows of the CSV that the page gives, as dicts."""
    return list(csv.DictReader(download(page, "csv")[1].decode().splitlines()))


def toast(page):
    return page.wait_for_selector("[data-testid=toast-text]").inner_text()


def dismiss(page):
    """Close the one toast there is."""
    page.click("[data-testid=toast-close]")
    page.wait_for_selector("[data-testid=toast-text]", state="detached")


def now(page):
    """Where the player is (s)."""
    return page.evaluate(f"{MEDIA}.currentTime")


def ground(page):
    """The rectangle of the timeline on the screen, from its first second to its last; scrolled to, if need be."""
    # All at once, for the timeline may be drawn anew between two questions.
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
    """Click on the timeline where that share of its time has passed."""
    place = ground(page)
    page.mouse.click(place["x"] + share * place["width"], place["y"] + place["height"] / 3)
