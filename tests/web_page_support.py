"""What the tests of the web page share: Chromium, servers with tiny models, and the first steps on the page.
They are called as TEST PANDAGPT CHROMIUM SOURCE_DIR."""

import contextlib
import os
import pathlib
import sys
import tempfile

from playwright.sync_api import expect, sync_playwright

import serve_process
import tiny_senses

ANSWER = "A panda eats bamboo \U0001f43c!"  # the tiny model's script
MAX_FILE_MB = 1
PATIENCE = 20_000  # ms; the tests of others run beside this one
DESKTOP = {"width": 1280, "height": 860}
BROWSER_ARGUMENTS = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
PROGRAM, CHROMIUM, SOURCE = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
EXAMPLES = SOURCE / "examples" / "data"
PHOTO = SOURCE / "tests" / "fixtures" / "images" / "photo_chelsea.jpg"
VISION_MODEL = SOURCE / "tests" / "fixtures" / "tiny-panda"


@contextlib.contextmanager
def opened(browser, address, **options):
    """A page of a browser profile of its own; what goes wrong in its scripts fails the test."""
    context = browser.new_context(**{"viewport": DESKTOP, "accept_downloads": True, **options})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    faults = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
    page.goto(address)
    yield page
    context.close()
    # Statuses of 400 and above are logged, too; those are what some tests are about.
    faults = [fault for fault in faults if "Failed to load resource" not in fault]
    assert not faults, faults


def wait_until_ready(page):
    expect(page.locator("#status")).to_have_attribute("data-state", "ready")


def ask(page, question):
    page.locator("#question").fill(question)
    page.get_by_role("button", name="Ask", exact=True).click()


def last_answer(page, state="done"):
    answer = page.locator(".answer").last
    expect(answer).to_have_attribute("data-state", state)
    return answer


def has_no_sideways_scroll(page):
    widths = page.evaluate("[document.documentElement.scrollWidth, document.body.scrollWidth, innerWidth]")
    assert max(widths[:2]) <= widths[2], widths
    wide = page.evaluate("""[...document.querySelectorAll("main *")].filter((one) => !one.closest(".tray") &&
        one.checkVisibility() && !one.closest(".sr-only") && one.getBoundingClientRect().right > innerWidth + 1)
        .map((one) => one.outerHTML.slice(0, 80))""")
    assert not wide, wide


@contextlib.contextmanager
def server(model, *arguments):
    """The address of a server with uploads of its own."""
    with tempfile.TemporaryDirectory() as files, serve_process.server(
            PROGRAM, "--model", str(model), "--files-dir", files, "--threads", "1", "--parallel", "2",
            "--max-file", str(MAX_FILE_MB), *arguments) as address:
        yield address


@contextlib.contextmanager
def senses_model():
    """A folder with a tiny model of all senses."""
    with tempfile.TemporaryDirectory() as folder:
        yield tiny_senses.make(PROGRAM, pathlib.Path(folder))


@contextlib.contextmanager
def chromium():
    expect.set_options(timeout=PATIENCE)
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=BROWSER_ARGUMENTS + sandbox)
        yield browser
        browser.close()
