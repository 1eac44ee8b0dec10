#!/usr/bin/env python3
"""The web page for everybody: axe-core finds nothing in any view, and a phone shows and reaches all of it.
Usage: web_access_test.py PANDAGPT CHROMIUM SOURCE_DIR"""

import contextlib
import json
import pathlib

import axe_playwright_python
from playwright.sync_api import expect

from web_page_support import (EXAMPLES, PHOTO, VISION_MODEL, ask, chromium, has_no_sideways_scroll, last_answer, opened,
                              senses_model, server, wait_until_ready)

AXE = (pathlib.Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
WIDTHS = (1280, 768, 360)
DRAWER_WIDTH = 820  # up to which the sidebar is a drawer (web/css/base.css)
HEIGHT = 900


# The views. Each leaves the page as it shows it.

def show_welcome(page):
    expect(page.locator(".sense")).to_have_count(6)


def show_sidebar(page):
    for details in page.locator("#sidebar details").all():
        details.evaluate("(one) => { one.open = true; }")


def show_inputs(page):
    for count, sense in enumerate(("image", "video", "audio", "thermal", "depth", "imu"), 1):
        page.locator("#example").select_option(sense)
        expect(page.locator(".card .facts-line")).to_have_count(count)
    page.locator("#files").set_input_files({"name": "broken.png", "mimeType": "image/png", "buffer": b"\x89PNG" * 20})
    expect(page.locator(".refusal")).to_have_count(1)
    for summary in page.locator(".card summary").all():
        summary.click()
    page.locator("#files").set_input_files({"name": "x.docx", "mimeType": "", "buffer": b"PK"})
    expect(page.get_by_role("alert").first).to_contain_text("x.docx")


def show_answers(page):
    words = json.dumps("There is no picture to look at.")
    piece = '{"index": 0, "delta": {"content": "A cat."}, "finish_reason": "length"}'
    stream = f'data: {{"choices": [{piece}], "warnings": [{words}]}}\n\ndata: [DONE]\n\n'
    for number in range(3):  # a warning, a failure, and one of the model with a picture
        if number == 2:
            page.locator("#files").set_input_files([PHOTO, EXAMPLES / "walking_imu.csv"])
            expect(page.locator(".card")).to_have_count(2)
        else:
            page.route("**/v1/chat/completions", lambda route: route.abort() if number == 1 else route.fulfill(
                content_type="text/event-stream", body=stream))
        ask(page, "What is in the picture?")
        last_answer(page, "failed" if number == 1 else "done")
        page.unroute("**/v1/chat/completions")
    page.get_by_text("Statistics").last.click()
    page.get_by_role("button", name="Edit").first.click()
    expect(page.locator("form.edit")).to_be_visible()
    expect(page.locator(".history-item")).to_have_count(1)


def show_similarity(page):
    page.get_by_role("tab", name="Similarity").click()
    page.locator("#files").set_input_files([PHOTO, EXAMPLES / "bell.wav"])
    expect(page.locator(".card .facts-line")).to_have_count(2)
    page.locator("#labels").fill("a cat, rain")
    page.get_by_role("button", name="Compare").click()
    expect(page.locator(".bars")).to_have_count(5)


def show_recorder(page):
    page.locator("#record-video").click()
    expect(page.locator("#recorder")).to_be_visible()


def show_missing_senses(page):
    expect(page.locator(".sense[aria-disabled]")).to_have_count(4)
    page.locator("#files").set_input_files(EXAMPLES / "bell.wav")
    expect(page.locator(".card .notice")).to_contain_text("no encoder for sound")


VIEWS = (show_welcome, show_sidebar, show_inputs, show_answers, show_similarity, show_recorder)


def check_with_axe(page, where):
    page.evaluate(AXE)
    found = page.evaluate("async () => (await axe.run(document, {resultTypes: ['violations']})).violations")
    lines = [f"{where}: {one['id']}: {node['html'][:120]}: {node['failureSummary']}"
             for one in found for node in one["nodes"]]
    assert not lines, "\n".join(lines)


def open_drawer(page):
    """Where the sidebar is one; it closes when the window becomes wide."""
    page.locator("#menu").click()
    expect(page.locator("#close-sidebar")).to_be_focused()


def test_axe(browser, address, view):
    with opened(browser, address, reduced_motion="reduce", permissions=["camera", "microphone"]) as page:
        wait_until_ready(page)
        view(page)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": HEIGHT})
            if view is show_sidebar and width <= DRAWER_WIDTH:
                open_drawer(page)
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                check_with_axe(page, f"{view.__name__}, {width}, {scheme}")
            if view is show_sidebar and width <= DRAWER_WIDTH:
                page.keyboard.press("Escape")
            has_no_sideways_scroll(page)


def test_pages_of_http_addresses(browser, address):
    """Those of other machines have neither getUserMedia nor a clipboard: phones take pictures for file fields all the
    same, and selected text can be copied."""
    with opened(browser, "about:blank") as page:
        page.add_init_script("""for (const name of ["mediaDevices", "clipboard"])
            Object.defineProperty(Navigator.prototype, name, {get: () => undefined});""")
        page.goto(address)
        wait_until_ready(page)
        for kind, accept, camera in (("photo", "image/*", "environment"), ("sound", "audio/*", "user"),
                                     ("video", "video/*", "environment")):
            with page.expect_file_chooser() as chooser:
                page.locator(f"#record-{kind}").click()
            field = chooser.value.element
            assert field.get_attribute("accept") == accept and field.get_attribute("capture") == camera
        chooser.value.set_files(EXAMPLES / "rolling_ball.avi")
        expect(page.locator(".card[data-sense=video]")).to_be_visible()
        page.get_by_role("button", name="Remove rolling_ball.avi").click()
        ask(page, "What is it?")
        answer = last_answer(page)
        answer.get_by_text("Copy").click()
        expect(answer.get_by_text("Copied")).to_be_visible()
        page.locator("#question").focus()
        page.keyboard.press("Control+v")
        expect(page.locator("#question")).to_have_value(answer.locator(".text").inner_text())


def test_phone(browser, address):
    """The drawer can be closed in four ways, curves are whole, and nothing covers anything above a keyboard."""
    small = {"width": 360, "height": 640}
    with opened(browser, address, viewport=small, has_touch=True, is_mobile=True) as page:
        wait_until_ready(page)
        drawer = page.locator("#sidebar")
        for close in (lambda: page.get_by_role("button", name="Close conversations").click(),
                      lambda: page.keyboard.press("Escape"), lambda: page.locator("#menu").click(),
                      lambda: page.mouse.click(small["width"] - 5, small["height"] / 2)):
            page.locator("#menu").click()
            expect(drawer).to_be_in_viewport(ratio=0.9)
            expect(page.locator("#close-sidebar")).to_be_focused()
            close()
            expect(drawer).not_to_be_in_viewport()
            expect(page.locator("#menu")).to_be_focused()
        page.locator("#files").set_input_files([EXAMPLES / "walking_imu.csv", PHOTO])
        expect(page.locator(".card .curves")).to_be_visible()
        for height in (small["height"], 330):  # with the keyboard open
            page.set_viewport_size({**small, "height": height})
            page.locator("#question").focus()
            expect(page.locator("#question")).to_be_in_viewport(ratio=1)
            expect(page.locator("#send")).to_be_in_viewport(ratio=1)
            has_no_sideways_scroll(page)
            cut = page.evaluate("""[...document.querySelectorAll(".card .preview")].filter((preview) =>
                preview.checkVisibility() && preview.getBoundingClientRect().bottom >
                preview.closest(".tray").getBoundingClientRect().bottom).length""")
            assert cut == 0, "a preview is cut off"
            hidden = page.evaluate(r"""[...document.querySelectorAll(".composer > *, main > *, header")].filter((one) =>
                one.checkVisibility()).map((one) => [one, one.getBoundingClientRect()]).flatMap(([one, box], i, all) =>
                all.slice(i + 1).filter(([other, next]) => !one.contains(other) && !other.contains(one) &&
                box.bottom > next.top + 1 && next.bottom > box.top + 1).map(([other]) => one.outerHTML.slice(0, 60) +
                " covers " + other.outerHTML.slice(0, 60)))""")
            assert not hidden, hidden
        page.set_viewport_size(small)
        ask(page, "What is it?")
        last_answer(page)
        curves = page.locator(".sent[data-sense=imu] .curves")
        expect(curves.locator("svg")).to_have_count(2)
        page.locator(".sent[data-sense=imu]").scroll_into_view_if_needed()
        outside = curves.evaluate("""(curves) => [...curves.querySelectorAll("svg, p, span")].filter((one) => {
            const [inner, outer] = [one.getBoundingClientRect(), curves.getBoundingClientRect()];
            return one.checkVisibility() && (inner.right > outer.right + 1 || inner.bottom > outer.bottom + 1);
        }).map((one) => one.outerHTML.slice(0, 80))""")
        assert not outside, outside


def main():
    with contextlib.ExitStack() as stack:
        model = stack.enter_context(senses_model())
        address, vision = (stack.enter_context(server(one)) for one in (model, VISION_MODEL))
        browser = stack.enter_context(chromium())
        for test in (test_pages_of_http_addresses, test_phone):
            print(test.__name__, flush=True)
            test(browser, address)
        for view in VIEWS:
            print(test_axe.__name__, view.__name__, flush=True)
            test_axe(browser, address, view)
        print(test_axe.__name__, show_missing_senses.__name__, flush=True)
        test_axe(browser, vision, show_missing_senses)


if __name__ == "__main__":
    main()
