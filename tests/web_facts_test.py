#!/usr/bin/env python3
"""What the page shows of measured facts, in Chromium. Usage: web_facts_test.py PANDAGPT CHROMIUM SOURCE_DIR"""

import pathlib
import tempfile

from playwright.sync_api import expect

from web_page_support import EXAMPLES, PHOTO, ask, chromium, last_answer, opened, senses_model, server, wait_until_ready


def mark_is_at(page, fact, share_x, share_y):
    """The middle of a mark on the first canvas of the cards, as a part of the canvas."""
    place = page.evaluate("""(fact) => {
        const mark = document.querySelector(`.card .mark[data-fact=${fact}]`).getBoundingClientRect();
        const canvas = document.querySelector(".card .marked canvas").getBoundingClientRect();
        return [(mark.left + mark.width / 2 - canvas.left) / canvas.width,
                (mark.top + mark.height / 2 - canvas.top) / canvas.height];
    }""", fact)
    assert abs(place[0] - share_x) < 0.03 and abs(place[1] - share_y) < 0.05, (fact, place, share_x, share_y)


def depth_map(path, near):
    """A 16-bit PNG in millimetres: 3 m, and 1 m around `near`."""
    import struct
    import zlib
    width, height = 60, 40
    rows = b""
    for y in range(height):
        rows += b"\0" + b"".join(struct.pack(">H", 1000 if abs(x - near[0]) < 4 and abs(y - near[1]) < 4 else 3000)
                                 for x in range(width))
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 0, 0, 0, 0)) +
                     chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def test_nearest_point(browser, address, folder):
    path = folder / "room_depth.png"
    depth_map(path, (45, 10))
    with opened(browser, address) as page:
        wait_until_ready(page)
        page.locator("#files").set_input_files(path)
        card = page.locator(".card[data-sense=depth]")
        expect(card.locator(".measured")).to_contain_text("Measured: nearest 1.00 m at the upper right")
        expect(card.locator(".mark-label")).to_have_text("nearest 1 m")
        mark_is_at(page, "nearest", 42 / 60, 7 / 40)
        # What the numbers mean changes what is measured.
        card.get_by_text("Options").click()
        card.get_by_label("metres per unit").fill("0.002")
        card.get_by_label("metres per unit").blur()
        expect(card.locator(".measured")).to_contain_text("nearest 2.00 m")
        ask(page, "How far is it?")
        last_answer(page)
        expect(page.locator(".sent .measured")).to_contain_text("nearest 2.00 m")
        expect(page.locator(".sent .mark")).to_have_count(1)


def test_hottest_point(browser, address):
    with opened(browser, address) as page:
        wait_until_ready(page)
        page.locator("#files").set_input_files(EXAMPLES / "thermal_centikelvin.png")
        card = page.locator(".card").first
        card.locator("select").first.select_option("thermal")
        expect(page.locator(".card .measured")).to_contain_text("Measured: hottest")
        expect(page.locator(".card .mark")).to_have_count(2)


def test_sounds_and_pictures_have_no_marks(browser, address):
    with opened(browser, address) as page:
        wait_until_ready(page)
        page.locator("#files").set_input_files([PHOTO, EXAMPLES / "siren.wav"])
        expect(page.locator(".card[data-sense=image] .facts-line")).to_contain_text("×")
        expect(page.locator(".card[data-sense=audio] .measured")).to_contain_text("LUFS")
        expect(page.locator(".card .mark")).to_have_count(0)


def main():
    with tempfile.TemporaryDirectory() as folder, chromium() as browser, senses_model() as model, \
            server(model) as address:
        test_nearest_point(browser, address, pathlib.Path(folder))
        test_hottest_point(browser, address)
        test_sounds_and_pictures_have_no_marks(browser, address)
    print("facts are shown on the page")


if __name__ == "__main__":
    main()
