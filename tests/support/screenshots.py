"""The pictures of the page in the README: ``make screenshots`` writes them anew into ``.github``.

What they show is the example that comes with the page, analysed; and the same portrait as a still picture.
"""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from support import browser
from support.pages import click_at, finished, visiting

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from emorec.ui import example  # noqa: E402, it is found through the line above

PICTURES = ROOT / ".github"
STARTS_WITHIN = 300  # seconds
SETTLES = 1500  # milliseconds that pictures are given to load and bars to reach their ends
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 380, "height": 800}


@contextlib.contextmanager
def served():
    """The address of a page that begins with an empty store."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
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
    deadline = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=5):
            return
        time.sleep(0.5)
    sys.exit("The page did not start.")


def analysed(page):
    """Analyse the example, go to a moment of it."""
    page.click("#example button")
    page.wait_for_selector("#player video", state="attached")
    page.click("#analyze")
    finished(page)
    click_at(page, 0.36)


def taken(page, name, whole=True):
    page.mouse.move(0, 0)
    page.evaluate("window.scrollTo(0, 0)")
    page.wait_for_timeout(SETTLES)
    page.screenshot(path=PICTURES / name, full_page=whole)
    print(f"wrote {PICTURES.name}/{name}")


def plotted():
    """The chart that the command line draws of the same recording."""
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
                analysed(page)
                taken(page, name)
        with visiting(chromium, address, viewport=WIDE) as page:
            page.get_by_role("tab", name="Picture").click()
            page.set_input_files("#picture input[type=file]", ROOT / "emorec" / "ui" / "assets" / "portrait.jpg")
            page.wait_for_selector("#faces .face")
            taken(page, "page-picture.png")
        chromium.close()
    plotted()


if __name__ == "__main__":
    main()
