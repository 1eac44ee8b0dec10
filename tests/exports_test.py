#!/usr/bin/env python3
"""Whether libpandagpt exports what the public headers mark PANDAGPT_API, and nothing else.
Usage: exports_test.py LIBRARY INCLUDE_DIR"""

import pathlib
import re
import subprocess
import sys
import unittest

LIBRARY, INCLUDE_DIR = sys.argv.pop(1), pathlib.Path(sys.argv.pop(1))

CLASS = re.compile(r"^(?:class|struct) PANDAGPT_API (\w+)", re.MULTILINE)
FUNCTION = re.compile(r"^PANDAGPT_API [^;{]*?\b(\w+)\(", re.MULTILINE)
LOCAL = re.compile(r"PANDAGPT_LOCAL (\w+)")


def declared():
    """(classes, functions, what is hidden in the classes) of the public headers."""
    texts = [path.read_text() for path in sorted(INCLUDE_DIR.glob("*.h"))]
    return tuple({name for text in texts for name in pattern.findall(text)} for pattern in (CLASS, FUNCTION, LOCAL))


def exported():
    """Demangled names of what the library defines for others."""
    listing = subprocess.run(["nm", "--dynamic", "--defined-only", "--demangle", LIBRARY], check=True, text=True,
                             capture_output=True).stdout
    return [line.split(maxsplit=2)[2] for line in listing.splitlines()]


def owner(symbol):
    """The class or function of pandagpt:: that a symbol is of; a C function's own name."""
    name = re.sub(r"^(vtable|typeinfo|typeinfo name) for ", "", symbol)
    found = re.match(r"(?:pandagpt::)(\w+)", name) or re.match(r"(pandagpt_\w+)", name)
    return found.group(1) if found else None


class Exports(unittest.TestCase):
    def setUp(self):
        self.classes, self.functions, self.hidden = declared()
        self.symbols = exported()

    def test_the_headers_are_read_rightly(self):
        self.assertLessEqual({"Panda", "Chat", "Embedder", "Inputs", "Error"}, self.classes)
        self.assertLessEqual({"modality_from_name", "allow_process_changes"}, self.functions)

    def test_nothing_is_exported_that_no_header_declares(self):
        others = [one for one in self.symbols if owner(one) not in self.classes | self.functions]
        self.assertEqual(others, [])
        inner = re.compile(r"pandagpt::\w+::(" + "|".join(self.hidden) + r")\b")
        # As a parameter or an argument of a template it may stand in an exported name.
        self.assertEqual([one for one in self.symbols if inner.match(one)], [])

    def test_all_that_the_headers_declare_is_exported(self):
        missing = (self.classes | self.functions) - {owner(one) for one in self.symbols}
        self.assertEqual(missing, set())


if __name__ == "__main__":
    unittest.main()
