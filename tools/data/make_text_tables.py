#!/usr/bin/env python3
"""Makes the tables of src/encoders/text: code_pages.inc and html_entities.txt.

The code pages come from Python's codecs. A byte that a page doesn't define stays what it is in
Latin-1, which is how browsers (and ftfy) read such pages. The entities are those of HTML 5
(https://html.spec.whatwg.org/multipage/named-characters.html), as Python's html.entities has them.

    python tools/data/make_text_tables.py
"""

import html
import html.entities
from pathlib import Path

TEXT = Path(__file__).resolve().parents[2] / "src" / "encoders" / "text"
PAGES = ["cp1252", "cp1251", "cp1250", "cp1253", "cp1254", "cp1257", "iso-8859-2", "mac_roman",
         "cp437"]


def page_rows(page: str) -> str:
    codes = []
    for byte in range(0x80, 0x100):
        char = bytes([byte]).decode(page, errors="replace")
        codes.append(byte if char == "\N{REPLACEMENT CHARACTER}" else ord(char))
    rows = [codes[i:i + 12] for i in range(0, len(codes), 12)]
    text = "".join("    " + " ".join(f"0x{code:04X}," for code in row) + "\n" for row in rows)
    return f"    // {page}\n    {{{{\n{text}    }}}},\n"


def write_code_pages() -> None:
    head = "// Bytes 0x80 to 0xFF of the code pages, made by tools/data/make_text_tables.py.\n"
    (TEXT / "code_pages.inc").write_text(head + "".join(page_rows(page) for page in PAGES))


def shouted(name: str) -> str | None:
    """The capitals of a lower-case entity name, if they mean nothing in HTML themselves."""
    entity = "&" + name.upper() + ";"
    return entity[1:-1] if name == name.lower() and html.unescape(entity) == entity else None


def write_html_entities() -> None:
    lines = []
    for name, text in html.entities.html5.items():
        if not name.endswith(";"):
            continue
        name = name[:-1]
        kind = "b" if name in html.entities.html5 else "s"
        lines.append((name, kind, text))
        if shouted(name):
            lines.append((shouted(name), "u", text.upper()))
    with (TEXT / "html_entities.txt").open("w") as out:
        for name, kind, text in sorted(lines):
            out.write(f"{name} {kind} " + "".join(f"\\U{ord(char):08X}" for char in text) + "\n")


if __name__ == "__main__":
    write_code_pages()
    write_html_entities()
