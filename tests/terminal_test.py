"""`pandagpt chat` on a terminal of its own, with keys as people press them: editing, history, Tab,
pasted text, dropped files. Arguments: the program, the folder of a model that answers anything, a picture.
"""

import fcntl
import json
import os
import pty
import select
import shutil
import signal
import stat
import struct
import sys
import tempfile
import termios
import time
import unittest
from pathlib import Path

PROGRAM, MODEL, PICTURE = (os.path.abspath(name) for name in sys.argv[1:4])
PATIENCE = 60  # seconds
UP, LEFT, HOME = "\033[A", "\033[D", "\033[H"
CTRL_A, CTRL_C, CTRL_D, CTRL_R, CTRL_W = "\x01", "\x03", "\x04", "\x12", "\x17"
PASTE_BEGIN, PASTE_END = "\033[200~", "\033[201~"


class Terminal:
    """The program in a pseudo terminal; what it writes is kept as it comes."""

    def __init__(self, folder, *arguments, columns=80, term="xterm-256color"):
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(folder), "TERM": term, "LC_ALL": "C",
            "XDG_STATE_HOME": str(folder / "state"), "XDG_CACHE_HOME": str(folder / "cache"),
        }
        for name in ("LD_LIBRARY_PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
            if name in os.environ:
                environment[name] = os.environ[name]
        self.child, self.descriptor = pty.fork()
        if self.child == 0:
            command = ["pandagpt", "chat", "--model", MODEL, "--threads", "1", "--greedy", *arguments]
            try:
                os.chdir(folder)
                os.execve(PROGRAM, command, environment)
            finally:
                os._exit(127)  # this copy of the test must never go on
        self.resize(columns)
        self.text = ""

    def resize(self, columns):
        fcntl.ioctl(self.descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def type(self, text):
        os.write(self.descriptor, text.encode())

    def read(self, seconds):
        if not select.select([self.descriptor], [], [], seconds)[0]:
            return False
        try:
            block = os.read(self.descriptor, 4096)
        except OSError:  # the program has ended
            return False
        self.text += block.decode(errors="replace")
        return bool(block)

    def wait_for(self, text):
        """Reads until `text` has come, and forgets what stands before its end."""
        end = time.monotonic() + PATIENCE
        while text not in self.text:
            if time.monotonic() > end or not self.read(end - time.monotonic()):
                raise AssertionError(f"{text!r} didn't come; there is {self.text!r}")
        before, _, self.text = self.text.partition(text)
        return before

    def enter(self, line, reply):
        """Types a line, and waits for what is said and for the next prompt: keys that come before it are
        the terminal's own."""
        self.type(line + "\r")
        self.wait_for(reply)
        self.wait_for("> ")

    def ask(self, question):
        self.enter(question, "\n")

    def end(self, keys=CTRL_D):
        """The exit code."""
        self.type(keys)
        while self.read(PATIENCE):
            pass
        os.close(self.descriptor)
        return os.waitstatus_to_exitcode(os.waitpid(self.child, 0)[1])

    def kill(self):
        os.kill(self.child, signal.SIGKILL)
        os.waitpid(self.child, 0)
        os.close(self.descriptor)


class ChatTest(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="pandagpt_terminal_"))
        self.addCleanup(shutil.rmtree, self.folder)

    def chat(self, *arguments, **options):
        terminal = Terminal(self.folder, *arguments, **options)
        terminal.wait_for("> ")
        return terminal

    def saved(self, terminal, name="talk.json"):
        """The conversation so far, and its end."""
        terminal.enter(f"/save {name}", "Saved to")
        self.assertEqual(terminal.end(), 0)
        return json.loads((self.folder / name).read_text())

    def questions(self, terminal):
        conversation = self.saved(terminal)["conversation"]
        return [one["value"] for one in conversation if one["from"] == "human"]

    def history(self):
        return self.folder / "state" / "pandagpt" / "chat_history"

    def test_a_line_is_edited(self):
        terminal = self.chat()
        terminal.ask("at is it" + HOME + "Wh" + LEFT * 2 + CTRL_A + "\033[C" * 10 + "?")
        terminal.ask("two words" + CTRL_W + "three")
        terminal.ask("ein B\u00e4r" + LEFT + "\x7f" + "\u00e4")
        self.assertEqual(self.questions(terminal), ["What is it?", "two three", "ein B\u00e4r"])

    def test_history_is_kept_for_the_next_chat(self):
        terminal = self.chat()
        terminal.ask("first question")
        terminal.ask("second question")
        self.assertEqual(terminal.end(), 0)
        self.assertEqual(self.history().read_text(), "first question\nsecond question\n")
        self.assertEqual(stat.S_IMODE(self.history().stat().st_mode), 0o600)
        terminal = self.chat()
        terminal.ask(UP + UP)
        terminal.ask(CTRL_R + "sec" + "\x05")
        self.assertEqual(self.questions(terminal), ["first question", "second question"])

    def test_history_is_bounded_and_private(self):
        self.history().parent.mkdir(parents=True)
        self.history().write_text("".join(f"old {i}\n" for i in range(2500)))
        self.history().chmod(0o644)
        terminal = self.chat()
        terminal.ask(UP)
        self.assertEqual(self.questions(terminal), ["old 2499"])
        lines = self.history().read_text().splitlines()
        self.assertEqual(lines[0], "old 1500")
        self.assertLess(len(lines), 1010)
        self.assertEqual(stat.S_IMODE(self.history().stat().st_mode), 0o600)

    def test_no_history(self):
        terminal = self.chat("--no-history")
        terminal.ask("a secret")
        self.assertEqual(terminal.end(), 0)
        self.assertFalse(self.history().exists())

    def test_tab_completes_commands_and_files(self):
        shutil.copy(PICTURE, self.folder / "my photo.jpg")
        terminal = self.chat()
        terminal.enter("/ima\tmy\t", "Talking about image my photo.jpg")
        terminal.type("/re\t")  # several: all are shown
        terminal.wait_for("/regenerate")
        terminal.wait_for("/reset")
        terminal.enter("s\t", "A new conversation.")
        terminal.enter(f"/add ima\t'{self.folder}/my\t", "is about " + str(self.folder / "my photo.jpg"))
        self.assertEqual(terminal.end(), 0)

    def test_a_pasted_paragraph_is_one_question(self):
        terminal = self.chat()
        terminal.type(PASTE_BEGIN + "One line.\rAnother\tline.\r\rThe last.\r" + PASTE_END)
        terminal.ask(" And now?")
        terminal.ask(UP)
        text = "One line.\nAnother line.\n\nThe last. And now?"
        self.assertEqual(self.questions(terminal), [text, text])
        self.assertEqual(self.history().read_text().splitlines()[0], text.replace("\n", "\\n"))

    def test_a_text_between_three_quotes(self):
        terminal = self.chat()
        terminal.type('"""One\r')
        terminal.wait_for("... ")
        terminal.type("  two\r")
        terminal.wait_for("... ")
        terminal.ask('three"""')
        terminal.ask('"""all in one"""')
        self.assertEqual(self.questions(terminal), ["One\n  two\nthree", "all in one"])

    def test_dropped_files_become_inputs(self):
        shutil.copy(PICTURE, self.folder / "my photo.jpg")
        path = str(self.folder / "my photo.jpg")
        for written in (f"'{path}' ", path.replace(" ", "\\ "), "file://" + path.replace(" ", "%20"),
                        "~/my\\ photo.jpg", path, f'"{path}"'):
            terminal = self.chat()
            terminal.enter(written, "Talking about image " + path)
            self.assertEqual(self.saved(terminal, f"{abs(hash(written))}.json")["inputs"][0]["path"],
                             path)

    def test_a_path_in_a_question_is_an_input(self):
        shutil.copy(PICTURE, self.folder / "cat.jpg")
        terminal = self.chat()
        terminal.ask("What is in ./cat.jpg?")
        terminal.ask(f"{self.folder}/cat.jpg What's this?")
        terminal.ask("Describe cat.jpg.")
        terminal.enter("What is in ~/dog.jpg?", str(self.folder / "dog.jpg") + ": no such file")
        terminal.enter("exit", "type /exit")
        saved = self.saved(terminal)
        self.assertEqual([one["value"] for one in saved["conversation"][::2]],
                         ["What is in the picture?", "What's this?", "Describe the picture."])
        self.assertEqual(len(saved["inputs"]), 1)

    def test_a_dropped_table_is_asked_about(self):
        (self.folder / "walk.csv").write_text("1,2,3\n")
        terminal = self.chat()
        terminal.enter(f"{self.folder}/walk.csv", "/imu")
        terminal.enter("/nowhere/cat.jpg", "/nowhere/cat.jpg: no such file")
        self.assertEqual(terminal.end(), 0)

    def test_control_c_gives_up_the_line_alone(self):
        terminal = self.chat()
        for _ in range(2):
            terminal.type("half a quest")
            terminal.wait_for("half a quest")
            terminal.type(CTRL_C)
            terminal.wait_for("> ")
        terminal.ask("a whole question")
        terminal.type('"""begun' + "\r")
        terminal.wait_for("... ")
        terminal.type(CTRL_C)
        terminal.wait_for("> ")
        terminal.ask("another")
        self.assertEqual(self.questions(terminal), ["a whole question", "another"])

    def test_nothing_is_written_over(self):
        (self.folder / "there.json").write_text("precious")
        terminal = self.chat()
        terminal.ask("one")
        terminal.enter("/save there.json", "is there already")
        terminal.enter("/save new.json", "Saved to")
        terminal.ask("two")
        terminal.enter("/save new.json", "Saved to")  # its own file
        terminal.enter("/save --force there.json", "Saved to")
        self.assertEqual(terminal.end("/bye\r"), 0)
        terminal = self.chat()
        terminal.enter("/load there.json", "A conversation of 2 questions")
        terminal.ask("three")
        self.assertEqual(self.questions(terminal), ["one", "two", "three"])

    def test_narrow_and_simple_terminals(self):
        terminal = self.chat(columns=20)
        question = "a question that is longer than the window is wide"
        terminal.type(question + HOME + "This is ")
        terminal.resize(40)
        terminal.ask("")
        self.assertEqual(self.questions(terminal), ["This is " + question])
        (self.folder / "talk.json").unlink()
        terminal = self.chat(term="dumb")
        terminal.ask("plain")
        self.assertEqual(self.questions(terminal), ["plain"])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[4:], verbosity=2)
