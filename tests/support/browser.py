"""Finds the Chromium for the browser tests; ``python tests/support/browser.py`` installs one if there is none."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

SHELL = "chromium-headless-shell"  # without a user interface: it takes half the processor time
SYSTEM_NAMES = (SHELL, "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",  # Chromium refuses to run as root without it
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    # No page of a test lives long enough to win back the time that compiling its scripts to faster code takes.
    "--js-flags=--no-turbofan --no-maglev",
)
# The font is for screenshots: others lack some of the emoji of the page. Playwright needs the library, which small
# installations of Debian lack.
BESIDE = ("fonts-noto-color-emoji", "libatomic1")
WHAT_TO_DO = "The tests of the page need Chromium, which was not found: install one so that `chromium` runs."


def find():
    """The path of a browser that starts: the system's, else Playwright's own, else None."""
    return next((path for path in _candidates() if _starts(path)), None)


def _candidates():
    yield from filter(None, map(shutil.which, SYSTEM_NAMES))
    try:
        with sync_playwright() as playwright:
            playwrights_own = Path(playwright.chromium.executable_path)
    except Exception:  # Playwright raises it where its Node.js does not start
        return
    # Playwright installs its shell beside the browser: chromium_headless_shell-1255/chrome-headless-shell-linux64/...
    yield from map(str, sorted(playwrights_own.parents[2].glob("chromium_headless_shell-*/*/*headless?shell")))
    if playwrights_own.exists():
        yield str(playwrights_own)


def _starts(path):
    # Ubuntu's /usr/bin/chromium-browser only prints that a snap has to be installed.
    return subprocess.run([path, "--version"], capture_output=True, stdin=subprocess.DEVNULL).returncode == 0


def install():
    """Install Chromium with Debian's package manager, or with Playwright if that fails."""
    if shutil.which("apt-get") and (os.geteuid() == 0 or shutil.which("sudo")):
        as_root = [] if os.geteuid() == 0 else ["sudo"]
        subprocess.run([*as_root, "apt-get", "update"])  # one unreachable source may not matter
        install = [*as_root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "--yes"]
        if subprocess.run([*install, SHELL, *BESIDE]).returncode:  # older systems lack it
            subprocess.run([*install, "chromium", *BESIDE])
    if find() is None:
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"])


if __name__ == "__main__":
    if find() is None:
        install()
    if find() is None:
        sys.exit(WHAT_TO_DO)
