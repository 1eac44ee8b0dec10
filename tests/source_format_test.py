#!/usr/bin/env python3
"""Whether the code is laid out as .clang-format says, by the version of clang-format that requirements.txt names: others
differ in details. Usage: PYTHON_WITH_CLANG_FORMAT source_format_test.py [SOURCE_DIR]
To format a file with that version: .venv/bin/clang-format -i FILE"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor

import clang_format

SOURCE_DIR = pathlib.Path(sys.argv.pop(1)) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[1]
PROGRAM = pathlib.Path(clang_format.__file__).parent / "data" / "bin" / "clang-format"

CODE = {"bench": (".cpp", ".h"), "examples": (".c", ".cpp", ".h"), "include": (".h",), "src": (".cpp", ".h"),
        "tests": (".cpp", ".h"), "web": (".js",)}
FAULT = re.compile(r"^(.*?):(\d+):\d+: (?:error|warning): code should be clang-formatted", re.MULTILINE)
PART = 40  # files of one call


def code_files(root):
    return [str(file.relative_to(root)) for folder, endings in CODE.items()
            for file in sorted((root / folder).rglob("*")) if file.suffix in endings and file.is_file()]


def format_faults(root):
    """"FILE:LINE" of each file's first line that would be changed."""
    files = code_files(root)

    def judge(part):
        done = subprocess.run([PROGRAM, "--style=file", "--dry-run", "--Werror", *part], cwd=root, capture_output=True,
                              text=True, check=False)
        first = {}
        for path, line in FAULT.findall(done.stderr):
            first.setdefault(path, f"{path}:{line}")
        if done.returncode != 0 and not first:
            raise RuntimeError(done.stderr)
        return list(first.values())

    parts = [files[i:i + PART] for i in range(0, len(files), PART)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return [fault for faults in pool.map(judge, parts) for fault in faults]


class SourceFormat(unittest.TestCase):
    maxDiff = None

    def test_the_program_is_the_pinned_version(self):
        pinned = re.search(r"^clang-format==(\S+)$", (SOURCE_DIR / "tests/requirements.txt").read_text(), re.MULTILINE)
        version = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True).stdout
        self.assertIn(f"version {pinned.group(1)}", version, "python -m pip install -r tests/requirements.txt")

    def test_code_is_laid_out_by_the_rules(self):
        self.assertEqual(format_faults(SOURCE_DIR), [], "\n.venv/bin/clang-format -i FILE lays them out")

    def test_planted_faults_are_found(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            shutil.copy(SOURCE_DIR / ".clang-format", root)
            for path, text in {"src/llm/right.h": "#pragma once\n\nint value();\n",
                               "src/llm/wrong.h": "#pragma once\n\nint  value();\n",
                               "tests/wrong_test.cpp": "int value()\n{\n  return 1;\n}\n",
                               "web/js/right.js": 'const a = "b";\n', "web/js/wrong.js": 'const  a = "b"\n',
                               "docs/none.h": "int  value();\n"}.items():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(text)
            self.assertEqual(format_faults(root), ["src/llm/wrong.h:3", "tests/wrong_test.cpp:1", "web/js/wrong.js:1"])


if __name__ == "__main__":
    unittest.main()
