"""Debian's Chromium without a window, driven by playwright; tests skip where either of them is missing."""

import shutil
from contextlib import contextmanager
from importlib.util import find_spec

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


def chromium():
    """The path of the browser; None where there is none."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


def why_no_browser():
    """What is missing; empty where nothing is."""
    if chromium() is None:
        return "needs Chromium: apt-get install chromium-headless-shell"
    return "" if find_spec("playwright") else "needs playwright: pip install playwright"


@contextmanager
def browser():
    """A browser, until the block ends. Its loop runs in this thread: no other loop can, meanwhile."""
    from playwright.sync_api import sync_playwright

    # Chromium's own walls need namespaces, which root and containers have not. It opens the project's own page alone.
    arguments = ["--no-sandbox"]
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium(), args=arguments)
        try:
            yield launched
        finally:
            launched.close()
