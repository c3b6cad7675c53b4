"""The Chromium that the tests of the page drive: where it is, and how it comes there.

``python tests/support/browser.py`` installs one where none is found; as a module it is only asked for ``find()``.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

SYSTEM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",  # Chromium refuses to run as root without it
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
WHAT_TO_DO = "No Chromium was found, which the tests of the page drive: install one so that `chromium` runs."


def find():
    """Path of a browser that starts, the system's before Playwright's own, or None."""
    return next((path for path in _candidates() if _starts(path)), None)


def _candidates():
    yield from filter(None, map(shutil.which, SYSTEM_NAMES))
    with sync_playwright() as playwright:
        playwrights_own = playwright.chromium.executable_path
    if Path(playwrights_own).exists():
        yield playwrights_own


def _starts(path):
    # Ubuntu's /usr/bin/chromium-browser only tells to install a snap.
    return subprocess.run([path, "--version"], capture_output=True, stdin=subprocess.DEVNULL).returncode == 0


def install():
    """Installs Chromium through Debian's package manager, or with Playwright where that is not to be had."""
    if shutil.which("apt-get") and (os.geteuid() == 0 or shutil.which("sudo")):
        as_root = [] if os.geteuid() == 0 else ["sudo"]
        subprocess.run([*as_root, "apt-get", "update"])  # one unreachable source need not matter
        # The font is for pictures of the page: others lack some of the faces that stand beside the emotions.
        wanted = ("chromium", "fonts-noto-color-emoji")
        subprocess.run([*as_root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "--yes", *wanted])
    if find() is None:
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"])


if __name__ == "__main__":
    if find() is None:
        install()
    if find() is None:
        sys.exit(WHAT_TO_DO)
