"""How quick the page is on an hour: ``python -m benchmarks.page``, or ``python -m benchmarks --page``.

A made recording is analysed on the page in Chromium, in a process and with a store of its own. It prints what was
measured beside the targets. The page itself takes the times, from the event of a click to the change of the document:
what Playwright needs to ask for it is not what a visitor waits for. It needs Playwright and Chromium; other work on the
machine is in the numbers.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import made
from benchmarks.crowd_server import Server

SIZE = (320, 240)  # pixels of the recording; what is measured begins after decoding
VIEW = {"width": 1280, "height": 900}
PATIENCE = 3_600_000  # milliseconds; for the analysis of the whole recording
ZOOMING = 4.0  # seconds
ARGUMENTS = ["--headless=new", "--no-sandbox", "--disable-gpu"]
USABLE = "#analyze:not([disabled])"
DRAWN = "#timeline svg.marks .mark-area path, #timeline svg.marks .mark-rect path"
MARK = "document.querySelector('#timeline svg.marks').classList.add('before')"
REDRAWN = "#timeline svg.marks:not(.before)"
# Begins to watch the page: ``begun`` is the time (ms) of the next click or change, ``came`` that of the selectors all
# being there after it.
WATCH = """(selectors) => {
  window.begun = window.came = 0;
  const begin = (event) => { if (!window.begun) window.begun = event.timeStamp; };
  for (const kind of ["click", "change"]) addEventListener(kind, begin, { capture: true });
  const seen = new MutationObserver(() => {
    if (window.begun && selectors.every((selector) => document.querySelector(selector))) {
      window.came = performance.now();
      seen.disconnect();
      for (const kind of ["click", "change"]) removeEventListener(kind, begin, { capture: true });
    }
  });
  seen.observe(document, { childList: true, subtree: true, attributes: true });
}"""
WAITED = "(window.came - window.begun) / 1000"
# As soon as the document is there: when Analyze can be pressed, in ms from the start of the navigation.
USABLE_AT = f"""new MutationObserver(() => {{
  if (!window.usable && document.querySelector("{USABLE}")) window.usable = performance.now();
}}).observe(document, {{ childList: true, subtree: true, attributes: true }});"""
# Turns the wheel over the ribbon at every picture of the browser for some seconds; returns pictures a second, and
# the longest time between two (s).
ZOOM = """(seconds) => new Promise((done) => {
  const ribbon = document.querySelector("#overview .ribbon"), box = ribbon.getBoundingClientRect();
  const begin = performance.now();
  let last = begin, count = 0, longest = 0;
  const turn = (now) => {
    longest = Math.max(longest, now - last);
    last = now; count += 1;
    ribbon.dispatchEvent(new WheelEvent("wheel", { deltaY: now - begin < 500 * seconds ? -8 : 8, bubbles: true,
      cancelable: true, clientX: box.left + box.width * 0.4, clientY: box.top + 8 }));
    if (now - begin < 1000 * seconds) requestAnimationFrame(turn);
    else done([1000 * count / (now - begin), longest / 1000]);
  };
  requestAnimationFrame(turn);
})"""


@dataclass(frozen=True)
class Measure:
    """A number with its ``unit``; ``most`` or ``least`` is the target."""

    name: str
    value: float
    unit: str
    most: float | None = None
    least: float | None = None

    @property
    def is_met(self) -> bool:
        """Whether the target is reached."""
        return (self.most is None or self.value <= self.most) and (self.least is None or self.value >= self.least)

    def row(self) -> str:
        """A row of the table."""
        target = f"at most {self.most:g}" if self.most is not None else f"at least {self.least:g}"
        return (
            f"| {self.name} | {target} {self.unit} | {self.value:.2f} {self.unit} | {'yes' if self.is_met else 'no'} |"
        )


def main(arguments: list[str] | None = None) -> int:
    """Measure, and print a table; returns the exit code, 2 without a browser."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0, help="length of the recording (60)")
    parser.add_argument("--redraws", type=int, default=8, help="redraws of each kind (8)")
    parser.add_argument("--browser", help="path of Chromium (found by Playwright otherwise)")
    options = parser.parse_args(arguments)
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        print("Playwright is not installed: pip install -r tests/requirements.txt", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="emorec-page-") as name, sync_playwright() as playwright:
        folder = Path(name)
        try:
            browser = playwright.chromium.launch(executable_path=options.browser or _system(), args=ARGUMENTS)
        except Error as error:
            print(f"Chromium does not start: {str(error).splitlines()[0]}", file=sys.stderr)
            return 2
        print(f"making a recording of {options.minutes:g} minutes ...", flush=True)
        recording = made.media(folder, {"recording": (SIZE, 60 * options.minutes, ("video", "audio"))})["recording"]
        server = Server(folder, {})
        try:
            server.start()
            measured = [
                *measure_opening(browser, server.address),
                *measure_use(browser, server.address, recording, options.redraws),
            ]
        finally:
            server.end()
            browser.close()
    print("| what | target | measured | reached |\n|---|---|---|---|")
    print("\n".join(measure.row() for measure in measured))
    return 0


def measure_opening(browser: Any, address: str, openings: int = 3) -> list[Measure]:
    """How soon the page can be used after it is opened with an empty cache, and what is transferred for it."""
    times, sizes = [], []
    for _ in range(openings):
        page, received = browser.new_page(viewport=VIEW), []
        page.set_default_timeout(PATIENCE)
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.loadingFinished", lambda event, received=received: received.append(event))
        page.add_init_script(USABLE_AT)
        page.goto(address, wait_until="commit")
        page.wait_for_function("window.usable")
        times.append(page.evaluate("window.usable / 1000"))
        page.wait_for_timeout(1500)
        sizes.append(sum(event["encodedDataLength"] for event in received) / 1e6)
        page.close()
    return [
        Measure("page usable after opening", statistics.median(times), "s", most=1.5),
        Measure("transferred to open it", statistics.median(sizes), "MB", most=0.75),
    ]


def measure_use(browser: Any, address: str, recording: Path, redraws: int) -> list[Measure]:
    """First points, redraws at two steps, and zooming, on a recording."""
    page = browser.new_page(viewport=VIEW)
    page.set_default_timeout(PATIENCE)
    page.goto(address)
    page.set_input_files("#file input[type=file]", recording)
    page.wait_for_selector("#player video", state="attached")
    page.wait_for_selector("body.draws", state="attached")
    begin = time.monotonic()
    page.evaluate(WATCH, ["#summary [data-duration]", DRAWN])
    page.click("#analyze")
    page.wait_for_function("window.came")
    first = page.evaluate(WAITED)
    page.wait_for_selector("#summary [data-complete]", state="attached")
    print(f"analysed in {time.monotonic() - begin:.0f} s", flush=True)
    found = [Measure("first points after the click", first, "s", most=2.0)]
    for step in (1.0, 0.1):
        if step != 1.0:
            redraw(page, lambda step=step: _type(page, "Step", step))
        priors = [page.get_by_role("radio", name=name, exact=True) for name in ("Even", "Everyday")]
        times = [redraw(page, priors[number % 2].check) for number in range(redraws)]
        found.append(Measure(f"redraw, step {step:g} s, median", statistics.median(times), "s", most=0.5))
        found.append(Measure(f"redraw, step {step:g} s, slowest", max(times), "s", most=1.0))
    page.locator("#overview").scroll_into_view_if_needed()
    rate, longest = page.evaluate(ZOOM, ZOOMING)
    found.append(Measure("pictures while zooming, step 0.1 s", rate, "1/s", least=30.0))
    found.append(Measure("longest pause while zooming", longest, "s", most=0.5))
    page.close()
    return found


def redraw(page: Any, make: Callable[[], Any]) -> float:
    """Seconds from a change until another chart is drawn."""
    page.evaluate(MARK)
    page.evaluate(WATCH, [REDRAWN])
    make()
    page.wait_for_function("window.came")
    return page.evaluate(WAITED)


def _type(page: Any, label: str, value: float) -> None:
    field = page.get_by_label(f"number input for {label}")
    field.fill(f"{value:g}")
    field.press("Enter")


def _system() -> str | None:
    """The Chromium of the system, None to let Playwright look for its own."""
    names = ("chromium-headless-shell", "chromium", "google-chrome")
    return next((path for name in names if (path := shutil.which(name))), None)


if __name__ == "__main__":
    sys.exit(main())
