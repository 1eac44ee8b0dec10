#!/usr/bin/env python3
"""Takes docs/images/page_*.png: the web page of `pandagpt serve` with the files of examples/data.

    tools/docs/page_pictures.py build/release/src/cli/pandagpt [CHROMIUM]       needs: playwright

Both are of Chromium; the first of panda-mini, the second of a model with random weights, whose
answers mean nothing and aren't shown.
"""

import contextlib
import os
import pathlib
import sys
import tempfile

from playwright.sync_api import sync_playwright

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
import serve_process  # noqa: E402
import tiny_senses  # noqa: E402

IMAGES = ROOT / "docs" / "images"
PROGRAM = sys.argv[1]
CHROMIUM = sys.argv[2] if len(sys.argv) > 2 else "/usr/bin/chromium"


@contextlib.contextmanager
def page_of(browser, model, **options):
    with tempfile.TemporaryDirectory() as files, serve_process.server(
            PROGRAM, "--model", str(model), "--files-dir", files) as address:
        page = browser.new_page(**options)
        page.goto(address)
        page.locator("#status[data-state=ready]").wait_for()
        yield page
        page.close()


def add_examples(page, *senses):
    for count, sense in enumerate(senses, 1):
        page.locator("#example").select_option(sense)
        page.locator(".card .facts-line").nth(count - 1).wait_for()
    page.locator(".card .hint", has_text="Checking").first.wait_for(state="detached")


def ask(page, question):
    page.locator("#question").fill(question)
    page.locator("#send").click()
    page.locator(".turn:last-child .answer[data-state=done]").wait_for(timeout=60_000)


def main():
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=sandbox)
        with page_of(browser, ROOT / "models" / "panda-mini", viewport={"width": 1200, "height": 760}) as page:
            add_examples(page, "image")
            ask(page, "What is this?")
            add_examples(page, "video")
            page.screenshot(path=IMAGES / "page_chat.png")
        with page_of(browser, tiny_senses.make(PROGRAM, folder), color_scheme="dark",
                     viewport={"width": 1000, "height": 900}) as page:
            add_examples(page, "image", "video", "audio", "thermal", "depth", "imu")
            ask(page, "What is going on here?")
            page.locator(".sent[data-sense=imu] polyline").first.wait_for()
            page.wait_for_timeout(500)
            page.locator(".question").screenshot(path=IMAGES / "page_senses.png")
        browser.close()


if __name__ == "__main__":
    main()
