#!/usr/bin/env python3
"""Whether the source tree keeps its own rules (source_rules.py), and that each rule fails where it is broken.
Usage: source_rules_test.py [SOURCE_DIR]"""

import pathlib
import sys
import tempfile
import unittest

import source_rules as rules

SOURCE_DIR = pathlib.Path(sys.argv.pop(1)) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[1]

ARCHITECTURE = """# Architecture

| Layer | Of another table |
|---|---|
| `none` | |

## Layers

| Layer | What it does | Public headers | Libraries |
|---|---|---|---|
| `core` | files | `error.h` | spdlog |
| `media` | pictures | `input.h` | libtiff where it is there |
| `llm` | answers | | llama.cpp |

Beside them:

| Beside them | What it does | Uses | Libraries |
|---|---|---|---|
| `fetch` | downloads | | libcurl |
| `cli` | the program | `fetch` | |

## More

| Layer | Public headers | Libraries |
|---|---|---|
| `later` | | |
"""

TREE = {
    "docs/architecture.md": ARCHITECTURE,
    "include/pandagpt/error.h": "#include <string>\n",
    "include/pandagpt/input.h": '#include "pandagpt/error.h"\n',
    "src/core/file.h": '#include <spdlog/spdlog.h>\n#include "pandagpt/error.h"\n',
    "src/media/input.cpp": '#include "pandagpt/input.h"\n#include <unistd.h>\n',
    "src/media/image.h": '#include <tiffio.h>\n\n#include "core/file.h"\n',
    "src/media/CMakeLists.txt": "pandagpt_component(\n  NAME media\n  SOURCES input.cpp\n  USES core\n  LINK TIFF)\n",
    "src/llm/model.h": '#include <llama.h>\n#include "media/image.h"\n',
    "src/fetch/http.h": '#include <curl/curl.h>\n#include "llm/model.h"\n',
    "src/cli/main.cpp": '#include "fetch/http.h"\n#include <optional>\n',
    "tests/support.h": "#include <gtest/gtest.h>\n",
    "tests/one_test.cpp": '#include "support.h"\n#include "llm/model.h"\n#include <llama.h>\n',
}


class PlantedTree(unittest.TestCase):
    """A small tree that keeps all rules, and one change at a time that doesn't."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        for path, text in TREE.items():
            self.write(path, text)

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def faults(self, exceptions=None):
        return rules.include_faults(self.root, exceptions or {})

    def test_a_tree_that_keeps_the_rules_has_no_faults(self):
        self.assertEqual(self.faults(), [])
        self.assertEqual(rules.declaration_faults(self.root), [])
        self.assertEqual(rules.length_faults(self.root, {}), [])

    def test_each_wrong_include_is_named_with_its_line(self):
        for path, line, wanted in (
                ("src/media/image.h", '#include "llm/model.h"', "llm/model.h belongs to llm, which media may not use"),
                ("src/core/file.h", '#include "pandagpt/input.h"', "belongs to media, which core may not use"),
                ("src/core/file.h", "#include <pandagpt/input.h>", "belongs to media, which core may not use"),
                ("src/media/deep/down/x.cpp", '  #  include "llm/model.h" // why', "which media may not use"),
                ("src/media/kernel.cpp.in", '#include "llm/model.h"', "which media may not use"),
                ("src/llm/model.h", '#include "fetch/http.h"', "belongs to fetch, which llm may not use"),
                ("src/fetch/http.h", '#include "cli/options.h"', "is no file of src/"),
                ("src/media/image.h", "#include <llm/model.h>", "which media may not use"),
                ("src/media/image.h", '#include "../llm/model.h"', "is named by a path with '..'"),
                ("src/media/image.h", '#include "missing.h"', "is nowhere below src/ or include/"),
                ("src/media/image.h", '#include "support.h"', "is nowhere below src/ or include/"),
                ("src/media/image.h", "#include HEADER", "an include that is no name in quotes or <>"),
                ("src/media/image.h", "#include <llama.h>", "is of llama.cpp, which media's row doesn't name"),
                ("src/cli/main.cpp", "#include <curl/curl.h>", "is of libcurl, which cli's row doesn't name"),
                ("src/llm/model.h", "#include <torch/torch.h>", "is of libtorch"),
                ("src/llm/model.h", "#include <boost/any.hpp>", "is of no library that tests/source_rules.py knows"),
                ("include/pandagpt/input.h", '#include "core/file.h"', "is internal"),
                ("include/pandagpt/input.h", "#include <spdlog/spdlog.h>", "public headers need the standard library"),
                ("examples/ask/main.cpp", '#include "core/file.h"', "is internal"),
                ("bench/speed.cpp", '#include "llm/gone.h"', "is no file of src/"),
                ("src/extra/x.h", "#include <string>", "its folder stands in no row"),
                ("src/loose.cpp", "#include <string>", "its folder stands in no row")):
            with self.subTest(path=path, line=line):
                before = TREE.get(path, "")
                self.write(path, before + line + "\n")
                faults = self.faults()
                self.assertEqual(len(faults), 1, faults)
                self.assertTrue(faults[0].startswith(path), faults)
                self.assertIn(wanted, faults[0])
                if "no row of" not in wanted and "its folder" not in wanted:
                    self.assertIn(f":{before.count(chr(10)) + 1}: ", faults[0])
                if path in TREE:
                    self.write(path, before)
                else:
                    (self.root / path).unlink()

    def test_an_exception_holds_for_its_include_alone_and_only_while_it_is_needed(self):
        self.write("src/media/image.h", '#include "llm/model.h"\n')
        known = {("src/media/image.h", "llm/model.h"): "step 1"}
        self.assertEqual(self.faults(known), [])
        self.write("src/media/other.h", '#include "llm/model.h"\n')
        self.assertEqual(len(self.faults(known)), 1)
        (self.root / "src/media/other.h").unlink()
        self.write("src/media/image.h", TREE["src/media/image.h"])
        self.assertIn("needs no exception any more", self.faults(known)[0])

    def test_public_headers_have_a_layer_and_their_source_lies_there(self):
        self.write("include/pandagpt/new.h", "")
        self.assertIn("new.h: stands in no row", "".join(self.faults()))
        (self.root / "include/pandagpt/new.h").unlink()
        self.write("src/llm/input.cpp", '#include "pandagpt/input.h"\n')
        self.assertEqual(self.faults(), ["src/llm/input.cpp: input.h is of media"])
        (self.root / "src/llm/input.cpp").unlink()
        self.write("docs/architecture.md", ARCHITECTURE.replace("`input.h`", "`input.h`, `gone.h`"))
        self.assertIn("media has gone.h, which include/pandagpt lacks", "".join(self.faults()))
        self.write("docs/architecture.md", ARCHITECTURE.replace("| `llm` |", "| `llm2` |"))
        self.assertIn("there is no src/llm2", "".join(self.faults()))

    def test_tables_that_cant_be_used_are_refused(self):
        for text in ("", ARCHITECTURE.replace("## Layers", "## Floors"),
                     ARCHITECTURE.replace("| the program | `fetch` |", "| the program | `serve` |"),
                     ARCHITECTURE.replace("| libcurl |", "|")):
            self.write("docs/architecture.md", text)
            with self.assertRaises(ValueError):
                rules.read_layers(self.root)

    def test_declared_layers_are_the_included_ones(self):
        script = TREE["src/media/CMakeLists.txt"]
        self.write("src/media/CMakeLists.txt", script.replace("USES core", "USES"))
        self.assertEqual(rules.declaration_faults(self.root),
                         ["src/media/CMakeLists.txt: core is included and not declared"])
        self.write("src/media/CMakeLists.txt", script.replace("USES core", "USES core llm"))
        self.assertEqual(rules.declaration_faults(self.root),
                         ["src/media/CMakeLists.txt: llm is declared and not included"])

    def test_long_files_are_named(self):
        self.write("src/core/long.cpp", "\n" * 600)
        self.write("tests/fixtures/long.py", "\n" * 900)
        self.assertEqual(rules.length_faults(self.root, {}), [])
        for path in ("src/core/long.cpp", "web/js/long.js", "docs/long.md", "tools/data/long.py", "src/CMakeLists.txt"):
            self.write(path, "\n" * 600 + "last line without an end")
            self.assertEqual(rules.length_faults(self.root, {}), [f"{path}: 601 lines, 600 at most; divide it"])
            self.assertEqual(rules.length_faults(self.root, {path: "a reason"}), [])
            (self.root / path).unlink()
        self.assertIn("take it off the list", rules.length_faults(self.root, {"docs/short.md": "a reason"})[0])


class SourceTree(unittest.TestCase):
    maxDiff = None

    def test_includes_keep_the_layers(self):
        self.assertEqual(rules.include_faults(SOURCE_DIR), [])

    def test_components_declare_what_they_include(self):
        self.assertEqual(rules.declaration_faults(SOURCE_DIR), [])

    def test_no_file_is_too_long(self):
        self.assertEqual(rules.length_faults(SOURCE_DIR), [])


if __name__ == "__main__":
    unittest.main()
