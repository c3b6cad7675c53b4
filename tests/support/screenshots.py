"""The pictures of the page in the README: ``make screenshots`` writes them into ``.github``.

They show the analysed example of the page, its portrait as a still picture, a part of a made hour, and a lane for each
of two people.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from support import browser, two_people
from support.page_process import free_port
from support.pages import analyze, change, click_at, finished, visiting

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks import made  # noqa: E402 (after the line above, which makes it importable)
from emorec.ui import example  # noqa: E402

PICTURES = ROOT / ".github"
START_TIMEOUT = 300  # seconds
HOUR = 3600  # seconds
SETTLE = 1500  # milliseconds for pictures to load and for animations to end
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 380, "height": 800}


@contextlib.contextmanager
def served():
    """A context with the address of a page that has an empty cache."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        places = {"EMOREC_CACHE": f"{folder}/cache", "GRADIO_TEMP_DIR": f"{folder}/uploads"}
        environment = os.environ | places | {"GRADIO_SERVER_PORT": str(port)}
        process = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL)
        try:
            address = f"http://127.0.0.1:{port}"
            wait_for(f"{address}/health", process)
            yield address
        finally:
            process.terminate()
            process.wait()


def wait_for(address, process):
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=5):
            return
        time.sleep(0.5)
    sys.exit("The page did not start.")


def analyze_example(page):
    """Analyse the example and seek."""
    page.click("#example button")
    page.wait_for_selector("#player video", state="attached")
    page.click("#analyze")
    finished(page)
    click_at(page, 0.36)


def take(page, name, whole=True, still=False):
    """Write a picture; ``still`` leaves the mouse where it is."""
    if not still:
        page.mouse.move(0, 0)
        page.evaluate("window.scrollTo(0, 0)")
        if whole:  # the bar at the lower edge of a narrow window belongs at the end of the picture
            height = page.evaluate("document.documentElement.scrollHeight")
            page.set_viewport_size({"width": page.viewport_size["width"], "height": height})
    page.wait_for_timeout(SETTLE)
    page.screenshot(path=PICTURES / name, full_page=whole)
    print(f"wrote {PICTURES.name}/{name}")


def hour(page, folder):
    """Analyse an hour, and show ten minutes of it."""
    recording = made.media(folder, {"hour": ((320, 240), HOUR, ("video", "audio"))})["hour"]
    page.set_default_timeout(1000 * HOUR)
    analyze(page, recording)
    change(page, lambda: page.evaluate("window.emorecView.show(1200, 1800)"))
    page.locator("#overview").scroll_into_view_if_needed()


def lanes(page, folder):
    """Analyse two people, and show a lane for each."""
    analyze(page, two_people.record(Path(folder) / "two.mp4"))
    page.get_by_role("combobox", name="Person").click()
    page.get_by_role("option", name="all persons", exact=True).click()
    page.wait_for_selector("#timeline svg.marks .mark-image")


def plot():
    """Write the chart of the same recording from the command line."""
    with tempfile.TemporaryDirectory() as folder:
        recording = Path(folder) / "interview.mp4"
        example.record(recording)
        command = [sys.executable, "-m", "emorec", "analyze", recording]
        choices = ["--step_sec", "0.5"]
        places = ["--out", folder, "--save_plot", PICTURES / "plot.png"]
        cache = {"EMOREC_CACHE": f"{folder}/cache"}
        subprocess.run([*command, *choices, *places], cwd=ROOT, env=os.environ | cache, check=True)


def main():
    with served() as address, browser.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser.find(), args=list(browser.ARGUMENTS))
        for name, size, scheme in (
            ("page.png", WIDE, "light"),
            ("page-dark.png", WIDE, "dark"),
            ("page-narrow.png", NARROW, "light"),
        ):
            with visiting(chromium, address, viewport=size, color_scheme=scheme) as page:
                analyze_example(page)
                take(page, name)
        with visiting(chromium, address, viewport=WIDE) as page:
            page.get_by_role("tab", name="Picture").click()
            page.set_input_files("#picture input[type=file]", ROOT / "emorec" / "ui" / "assets" / "portrait.jpg")
            page.locator("#faces .box").first.hover()
            take(page, "page-picture.png", still=True)
        with tempfile.TemporaryDirectory() as folder:
            for name, make in (("page-hour.png", hour), ("page-lanes.png", lanes)):
                with visiting(chromium, address, viewport=WIDE) as page:
                    make(page, folder)
                    take(page, name)
        chromium.close()
    plot()


if __name__ == "__main__":
    main()
