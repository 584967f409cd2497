"""Make the pictures of the page that ``bicross serve`` has: ``python docs/make_page_pictures.py``.

It indexes the documentation of the installed Python, as ``bicross demo`` does, serves it, and photographs the page in
Debian's Chromium (``apt-get install chromium-headless-shell``).
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from helpers.browser import browser  # noqa: E402 - the tests are not a package

BICROSS = (sys.executable, "-m", "bicross.pipelines.commands.app")
QUESTION = "compress bytes"
COLORS = 96
PICTURES: dict[str, dict[str, Any]] = {
    "page.png": {"viewport": {"width": 1440, "height": 860}, "color_scheme": "light"},
    "page-phone.png": {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"},
}


@contextmanager
def serving(index: Path) -> Iterator[str]:
    """The address of a server of the index."""
    command = [*BICROSS, "serve", f"python={index}", "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            lines = (json.loads(line) for line in process.stdout)
            yield next(line["url"] for line in lines if line["status"] == "ready")
        finally:
            process.terminate()


def photograph(url: str) -> None:
    """Save each picture of the results for the question, after their best sentences were marked."""
    with browser() as chromium:
        for name, options in PICTURES.items():
            page = chromium.new_context(**options).new_page()
            page.goto(url)
            page.fill("#query", QUESTION)
            page.keyboard.press("Enter")
            page.wait_for_selector("#slope svg", state="attached", timeout=60_000)
            page.wait_for_selector("#results[aria-busy=false] mark", timeout=60_000)
            page.wait_for_timeout(1000)
            path = ROOT / "docs" / name
            page.screenshot(path=path)
            with Image.open(path) as picture:
                smaller = picture.convert("RGB").quantize(COLORS, dither=Image.Dither.NONE)
            smaller.save(path, optimize=True)
            sys.stdout.write(f"{path}: {path.stat().st_size:,} bytes\n")


def main() -> None:
    """Index, serve, and photograph."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--index", type=Path, help="an index of the demo that is there already")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        index = given.index or Path(folder) / "demo"
        if given.index is None:
            subprocess.run([*BICROSS, "demo", QUESTION, "--output", str(index)], check=True, stdout=subprocess.DEVNULL)
        with serving(index) as url:
            photograph(url)


if __name__ == "__main__":
    main()
