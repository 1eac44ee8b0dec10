#!/usr/bin/env python3
"""That doc_commands.py finds what a reader would type, and what is wrong with it. Usage: doc_commands_test.py"""

import pathlib
import tempfile
import unittest

import doc_commands

DOCUMENT = """# A title, with signs

A list:

- not a block:

    indented text of the list

Text with `--option` and `program --other X`.

```sh
# a comment of its own
one --flag value     # the program's comment
two \\
  --more 'a # inside
  quotes'
cat <<'END' | three
pandagpt ask
END
```

```console
$ four "x"
printed by four
and this
$ five
```

    six --indented

```text
$ seven
pandagpt eight
a line of text
```

[here](#a-title-with-signs) [gone](#nowhere) [file](DOC.md) [no file](missing.md) [web](https://example.com/x)
"""


class DocCommandsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root, self.document = pathlib.Path(folder.name), pathlib.Path("DOC.md")
        (self.root / self.document).write_text(DOCUMENT)
        self.blocks = doc_commands.blocks_of(self.root, self.document)

    def test_blocks(self):
        self.assertEqual([block.language for block in self.blocks], ["sh", "console", "", "text"])
        for block in self.blocks:
            lines = DOCUMENT.splitlines()[block.line - 1:]
            self.assertEqual(lines[0].strip(), block.lines[0].strip(), "the number of the line")

    def test_commands(self):
        commands = doc_commands.commands_of(self.blocks[0])
        self.assertEqual([command.text for command in commands], [
            "one --flag value     # the program's comment", "two \\\n  --more 'a # inside\n  quotes'",
            "cat <<'END' | three\npandagpt ask\nEND"])
        four, five = doc_commands.commands_of(self.blocks[1])
        self.assertEqual((four.text, four.printed), ('four "x"', "printed by four\nand this\n"))
        self.assertEqual((five.text, five.printed), ("five", None))

    def test_a_command_without_an_end(self):
        block = doc_commands.Block(self.document, "sh", 1, ["echo 'open"])
        with self.assertRaisesRegex(ValueError, "doesn't end"):
            doc_commands.commands_of(block)

    def test_hidden_commands(self):
        self.assertEqual([doc_commands.hidden_commands(block) for block in self.blocks],
                         [[], [], [], ["$ seven", "pandagpt eight"]])

    def test_words(self):
        self.assertEqual(doc_commands.words_of("a 'b c' # d's\n(e | f) && A=1 g \\\n--h \"#i\""),
                         [["a", "b c"], ["e"], ["f"], ["A=1", "g", "--h", "#i"]])

    def test_inline_codes(self):
        codes = list(doc_commands.inline_codes(self.root, self.document))
        self.assertEqual(codes, [(9, "--option"), (9, "program --other X")])
        self.assertEqual(doc_commands.OPTION.findall("`--a-b C` x--no ---no"), ["--a-b"])

    def test_links(self):
        broken = doc_commands.broken_links(self.root, self.document)
        self.assertEqual(broken, ["DOC.md: no such heading: #nowhere", "DOC.md: no such file: missing.md"])


if __name__ == "__main__":
    unittest.main()
