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
SCRIPTS = {
    "bash": SHARE / "bash-completion/completions/pandagpt",
    "zsh": SHARE / "zsh/site-functions/_pandagpt",
    "fish": SHARE / "fish/vendor_completions.d/pandagpt.fish",
}


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
        found = re.match(r"^  ([a-z][a-z-]*) ", line)
        if not found:
            break
        yield from commands_of((*path, found.group(1)))


class CompletionTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.commands = dict(commands_of())

    def complete(self, *words):
        """What bash offers for the last word."""
        script = (f". '{SCRIPTS['bash']}'; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _pandagpt; "
                  "for word in \"${COMPREPLY[@]}\"; do printf '%s\\n' \"$word\"; done")
        result = run("bash", "-c", script, "bash", "pandagpt", *words, cwd=SHARE)
        self.assertEqual(result.stderr, "")
        return result.stdout.split("\n")[:-1]

    def offered(self, path, beginnings):
        """All that bash offers for each of several beginnings behind the same words."""
        script = (f". '{SCRIPTS['bash']}'; for last in {' '.join(beginnings)}; do "
                  "COMP_WORDS=(\"$@\" \"$last\"); COMP_CWORD=$#; _pandagpt; "
                  "for word in \"${COMPREPLY[@]}\"; do printf '%s\\n' \"$word\"; done; done")
        result = run("bash", "-c", script, "bash", "pandagpt", *path, cwd=SHARE)
        self.assertEqual(result.stderr, "")
        return result.stdout.splitlines()

    def test_the_help_was_read(self):
        self.assertGreater(len(self.commands), 25)
        self.assertIn("--image", self.commands["ask",])
        self.assertIn("--sha256", self.commands["models", "pull"])

    def test_every_option_is_in_every_script_and_page(self):
        scripts = {shell: path.read_text() for shell, path in SCRIPTS.items()}
        for path, options in self.commands.items():
            page = SHARE / "man/man1" / ("-".join(("pandagpt", *path)) + ".1")
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
        self.assertEqual(run(PROGRAM, "man", "models pull").stdout,
                         (SHARE / "man/man1/pandagpt-models-pull.1").read_text())

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
        self.assertIn("ask", self.complete("as"))
        self.assertEqual(self.complete("models", "pu"), ["pull"])
        self.assertEqual(self.complete("ask", "--temper"), ["--temperature"])
        self.assertEqual(self.complete("completion", "--verb"), ["--verbose"])
        self.assertEqual(self.complete("serve", "--log-format", "j"), ["json"])
        self.assertEqual(self.complete("ask", "--seed", ""), [])
        self.assertIn("fish", self.complete("ask", "--image", "f"), "a file of this folder")

    @unittest.skipUnless(shutil.which("fish"), "fish is not installed")
    def test_fish_offers_what_fits(self):
        def complete(line):
            script = f"source '{SCRIPTS['fish']}'; complete -C '{line}'"
            result = run("fish", "--no-config", "-c", script, cwd=SHARE)
            self.assertEqual(result.stderr, "")
            return [one.split("\t")[0] for one in result.stdout.splitlines()]

        self.assertIn("ask", complete("pandagpt as"))
        self.assertEqual(complete("pandagpt models pu"), ["pull"])
        self.assertEqual(complete("pandagpt ask --temper"), ["--temperature"])
        self.assertEqual(complete("pandagpt serve --log-format j"), ["json"])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
