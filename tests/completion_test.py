"""Completions and manual pages: every command and option is in them, and the shells and groff take them.
Arguments: the program, a folder that `man --share` has written.
"""

import re
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

PROGRAM, SHARE = Path(sys.argv[1]).absolute(), Path(sys.argv[2]).absolute()
NAME = PROGRAM.name
FUNCTION = "_" + NAME.replace("-", "_")
SCRIPTS = {
    "bash": SHARE / "bash-completion/completions" / NAME,
    "zsh": SHARE / "zsh/site-functions" / f"_{NAME}",
    "fish": SHARE / "fish/vendor_completions.d" / f"{NAME}.fish",
}
# Of each program: how many commands at least, an option of a command, and what is offered for words.
KNOWN = {
    "pandagpt": (25, ("models", "pull"), "--sha256", {
        ("as",): "ask", ("models", "pu"): "pull", ("ask", "--temper"): "--temperature",
        ("completion", "--verb"): "--verbose", ("serve", "--log-format", "j"): "json"}),
    "pandagpt-train": (5, ("llm",), "--lora-rank", {
        ("pl",): "plot", ("llm", "--lora-ra"): "--lora-rank", ("plot", "--x", "h"): "hours",
        ("bind", "--dtype", "b"): "bf16"}),
}
N_COMMANDS, COMMAND, OPTION, OFFERED = KNOWN[NAME]
NO_VALUES = {"pandagpt": ("ask", "--seed", ""), "pandagpt-train": ("llm", "--seed", "")}[NAME]
A_FILE = {"pandagpt": ("ask", "--image", "f"), "pandagpt-train": ("llm", "--data", "f")}[NAME]


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def commands_of(path=()):
    """All commands by their help: (path, options)."""
    text = run(PROGRAM, *path, "--help").stdout
    options = set()
    for line in text.splitlines():
        found = re.match(r"^  (-[^ ]+)", line)
        if found:
            options.update(re.sub(r"\{.*?\}", "", found.group(1)).split(","))
    yield path, options
    _, _, below = text.partition("\nSubcommands:\n")
    for line in below.splitlines():
        found = re.match(r"^  ([a-z][a-z-]*)(?:, [a-z]+)* ", line)
        if not found:
            break
        yield from commands_of((*path, found.group(1)))


class CompletionTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.commands = dict(commands_of())

    def complete(self, *words):
        """What bash offers for the last word."""
        script = (f". '{SCRIPTS['bash']}'; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); "
                  f"{FUNCTION}; for word in \"${{COMPREPLY[@]}}\"; do printf '%s\\n' \"$word\"; done")
        result = run("bash", "-c", script, "bash", NAME, *words, cwd=SHARE)
        self.assertEqual(result.stderr, "")
        return result.stdout.split("\n")[:-1]

    def offered(self, path, beginnings):
        """All that bash offers for each of several beginnings behind the same words."""
        script = (f". '{SCRIPTS['bash']}'; for last in {' '.join(beginnings)}; do "
                  "COMP_WORDS=(\"$@\" \"$last\"); COMP_CWORD=$#; "
                  f"{FUNCTION}; for word in \"${{COMPREPLY[@]}}\"; do printf '%s\\n' \"$word\"; done; done")
        result = run("bash", "-c", script, "bash", NAME, *path, cwd=SHARE)
        self.assertEqual(result.stderr, "")
        return result.stdout.splitlines()

    def test_the_help_was_read(self):
        self.assertGreaterEqual(len(self.commands), N_COMMANDS)
        self.assertIn(OPTION, self.commands[COMMAND])

    def test_every_option_is_in_every_script_and_page(self):
        scripts = {shell: path.read_text() for shell, path in SCRIPTS.items()}
        for path, options in self.commands.items():
            page = SHARE / "man/man1" / ("-".join((NAME, *path)) + ".1")
            text = page.read_text().replace("\\-", "-")
            offered = self.offered(path, options)
            for option in options:
                self.assertIn(f"\\fB{option}\\fR", text, page.name)
                self.assertIn(option, offered, path)
                self.assertIn(f"'{option}:", scripts["zsh"])
                fish = (f" -l {option[2:]}" if option.startswith("--") else f" -s {option[1:]}")
                self.assertIn(fish, scripts["fish"])

    def test_printed_is_what_is_installed(self):
        for shell, path in SCRIPTS.items():
            self.assertEqual(run(PROGRAM, "completion", shell).stdout, path.read_text())
        self.assertEqual(run(PROGRAM, "man", " ".join(COMMAND)).stdout,
                         (SHARE / "man/man1" / ("-".join((NAME, *COMMAND)) + ".1")).read_text())
        self.assertEqual(run(PROGRAM, "man", "nonsense").returncode, 2)

    def test_shells_and_groff_take_them(self):
        for shell, path in SCRIPTS.items():
            if shutil.which(shell):
                result = run(shell, "-n", str(path))
                self.assertEqual((result.returncode, result.stderr), (0, ""), shell)
        if not shutil.which("groff"):
            self.skipTest("groff is not installed")
        for page in sorted((SHARE / "man/man1").glob("*.1")):
            result = run("groff", "-man", "-ww", "-Tutf8", "-Kutf8", "-z", str(page))
            self.assertEqual((result.returncode, result.stderr), (0, ""), page.name)

    def test_bash_offers_what_fits(self):
        for words, offered in OFFERED.items():
            self.assertEqual(self.complete(*words), [offered], words)
        self.assertEqual(self.complete(*NO_VALUES), [])
        self.assertIn("fish", self.complete(*A_FILE), "a file of this folder")

    @unittest.skipUnless(shutil.which("fish"), "fish is not installed")
    def test_fish_offers_what_fits(self):
        def complete(line):
            script = f"source '{SCRIPTS['fish']}'; complete -C '{line}'"
            result = run("fish", "--no-config", "-c", script, cwd=SHARE)
            self.assertEqual(result.stderr, "")
            return [one.split("\t")[0] for one in result.stdout.splitlines()]

        for words, offered in OFFERED.items():
            self.assertEqual(complete(" ".join((NAME, *words))), [offered], words)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
