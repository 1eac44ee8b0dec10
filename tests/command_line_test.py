"""The command line as people type it: words of Ollama's and llama.cpp's users, slips of the keys, text through
pipes, addresses, dropped files, readers that go away. Arguments: the program, a folder of a model that answers
anything ("tiny-panda"), a picture.
"""

import http.server
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

PROGRAM, MODEL, PICTURE = (os.path.abspath(name) for name in sys.argv[1:4])
ANSWER = "A panda eats bamboo \U0001F43C!\n"
CLOSED_OUTPUT = 141


def run(*arguments, text="", stderr_too=False):
    """Standard input is a pipe with `text`; `stderr_too`: what comes there is part of the output."""
    return subprocess.run([PROGRAM, *map(str, arguments)], input=text, text=True, check=False, timeout=120,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT if stderr_too else subprocess.PIPE)


def with_chat_template(file, template):
    """The content of a GGUF file with one key more. Its length is a multiple of the alignment, so that the
    tensors' bytes stay aligned."""
    content = file.read_bytes()
    n_keys, = struct.unpack_from("<Q", content, 16)
    key = b"tokenizer.chat_template"
    text = template.encode()
    text += b" " * (-(8 + len(key) + 4 + 8 + len(text)) % 32)
    entry = struct.pack("<Q", len(key)) + key + struct.pack("<IQ", 8, len(text)) + text
    return content[:16] + struct.pack("<Q", n_keys + 1) + entry + content[24:]


class CommandLineTest(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="pandagpt_command_line_"))
        self.addCleanup(shutil.rmtree, self.folder)
        os.environ.update(PANDAGPT_MODELS=str(Path(MODEL).parent), XDG_DATA_HOME="/nowhere",
                          XDG_CACHE_HOME=str(self.folder / "cache"), HOME=str(self.folder))

    def answers(self, *arguments, text=""):
        result = run(*arguments, text=text)
        self.assertEqual((result.returncode, result.stderr), (0, ""), arguments)
        self.assertEqual(result.stdout, ANSWER, arguments)

    def refuses(self, code, message, *arguments, text=""):
        result = run(*arguments, text=text)
        self.assertEqual(result.returncode, code, (arguments, result.stderr))
        self.assertEqual(result.stdout, "")
        self.assertIn(message, result.stderr)
        self.assertEqual(result.stderr.count("\n"), 1, result.stderr)

    def prompt_tokens(self, *arguments, text=""):
        """How much was asked."""
        result = run("ask", "-m", "tiny-panda", "--json", *arguments, text=text)
        self.assertEqual((result.returncode, result.stderr), (0, ""), arguments)
        return json.loads(result.stdout)["timings"]["prompt_tokens"]

    def test_words_of_other_programs(self):
        self.refuses(2, "'panda-mini' is neither an address (https://..) nor of the form hf:", "pull", "panda-mini")
        self.answers("run", "tiny-panda", "What is it?")
        self.answers("run", "tiny-panda", "--image", PICTURE, "What is it?")
        self.answers("run", "tiny-panda", text="What is it?\n")
        self.answers("ask", "-m", "tiny-panda", "-p", "What is it?", "-n", "64", "-c", "512", "-t", "1",
                     "-s", "3", "--temperature", "0", "-ngl", "0")
        self.answers("-m", "tiny-panda", "--image", PICTURE, "ask", "What is it?")
        self.assertEqual(run("list").stdout, run("models", "list").stdout)
        self.assertIn("tiny-panda", run("list").stdout)
        self.assertEqual(run("help", "models", "pull").stdout, run("models", "pull", "--help").stdout)
        self.assertEqual(run("help").stdout, run("--help").stdout)
        self.assertIn("hf:owner/repo", run("pull", "--help").stdout)

    def test_a_path_in_the_question_of_run(self):
        shutil.copy(PICTURE, self.folder / "my photo.jpg")
        plain = run("run", "tiny-panda", "--json", "What is it?")
        found = run("run", "tiny-panda", "--json", "What is it? ~/my\\ photo.jpg")
        self.assertEqual(json.loads(plain.stdout)["inputs"], [])
        self.assertEqual(json.loads(found.stdout)["inputs"][0]["path"],
                         str(self.folder / "my photo.jpg"))

    def test_slips_are_named(self):
        self.refuses(2, "unknown command 'aks'; did you mean 'ask'?", "aks", "What is it?")
        self.refuses(2, "unknown option '--imgae'; did you mean '--image'?", "ask", "--imgae",
                     PICTURE, "What is it?")
        self.refuses(2, "did you mean 'verify'?", "models", "verfy")
        self.refuses(2, "put a text of several words in quotes", "ask", "What", "is", "it?")
        self.refuses(2, "--max-tokens: 'many' is not a whole number", "ask", "q", "-n", "many")
        self.refuses(2, "--seed: '-1' is not a whole number from 0 on", "ask", "q", "--seed", "-1")
        self.refuses(2, "--log-format: 'jsn' is none of json, none, text; did you mean 'json'?", "serve",
                     "--log-format", "jsn")
        self.refuses(2, "--image needs a value (FILE)", "ask", "q", "--image")
        self.refuses(4, "did you mean 'tiny-panda'?", "ask", "-m", "tiny-pnada", "q")
        self.refuses(2, "did you mean pandagpt ask \"What is in the picture?\"?", "What is in the picture?")

    def test_what_other_programs_have_taught(self):
        self.refuses(2, "did you mean pandagpt ask -m tiny-panda -p Hi?", "-m", "tiny-panda", "-p", "Hi")
        for words, hint in ((["show", "panda-mini"], "pandagpt inspect"), (["ps"], "pandagpt models"),
                            (["rm", "x"], "folder"), (["download", "a/b"], "pandagpt pull"),
                            (["version"], "pandagpt --version"), (["server"], "pandagpt serve")):
            self.refuses(2, hint, *words)
        self.assertEqual(run("ls").stdout, run("list").stdout)
        self.refuses(2, "unknown option '--hf'", "ask", "-hf", "ggml-org/x", "q")
        self.refuses(2, "unknown option '--cnv'", "chat", "-cnv", "-m", "tiny-panda")
        self.refuses(2, "nor of the form hf:", "pull", "llama3.2:1b")
        self.refuses(2, "did you mean 'hf:owner/repo'?", "pull", "owner/repo")
        self.refuses(2, "option before it: --image " + PICTURE, "ask", PICTURE, "What is it?")
        self.refuses(2, "option before it: --image " + PICTURE, "ask", "-m", "tiny-panda", "What?", PICTURE)
        self.refuses(2, "option before it: --image cat.jpg", "ask", "cat.jpg", "What is it?")
        self.refuses(2, "the question is missing: --image " + PICTURE, "ask", PICTURE)
        listed = run("ask", "-m", "tiny-panda", "--json", "--image", f"{PICTURE},{PICTURE}", "What is it?")
        self.assertEqual(len(json.loads(listed.stdout)["inputs"]), 2)
        log = run("ask", "-m", "tiny-panda", "--verbose", "What is it?", stderr_too=True).stdout
        self.assertIn(ANSWER + "pandagpt: info: ", log)

    def test_questions_through_pipes(self):
        self.answers("ask", "-m", "tiny-panda", text="What is it?\n")
        self.answers("ask", "-m", "tiny-panda", "-", text="\ufeffWhat is it?\r\n")
        self.refuses(2, "there is no question", "ask", "-m", "tiny-panda")
        self.refuses(2, "is empty", "ask", "-m", "tiny-panda", "-", text=" \n")
        self.refuses(2, "standard input", "ask", "-m", "tiny-panda", "--image", "-", "-", text="q")
        question = self.prompt_tokens("Summarise this.")
        self.assertGreater(self.prompt_tokens("Summarise this.", text="A long letter. " * 9), question + 9)
        self.assertEqual(self.prompt_tokens(text="Summarise this.\n"), question)
        about_picture = self.prompt_tokens("--image", PICTURE, "What is it?")
        self.assertEqual(self.prompt_tokens("--image", PICTURE, "What is it?", text="a list of files"),
                         about_picture)
        result = subprocess.run([PROGRAM, "ask", "-m", "tiny-panda"], input=b"caf\xe9", check=False,
                                capture_output=True)
        self.assertEqual(result.returncode, 3)
        self.assertIn(b"standard input: line 1: byte 0xE9 is no UTF-8", result.stderr)
        self.refuses(3, "the text is UTF-16", "ask", "-m", "tiny-panda", text="q\0u\0")

    def test_questions_from_files(self):
        file = self.folder / "my letter.txt"
        file.write_text("\ufeffA long letter.\r\n\r\nYours, Anna\r\n\r\n")
        letter = "A long letter.\n\nYours, Anna"
        self.answers("ask", "-m", "tiny-panda", "-f", file)
        self.answers("run", "tiny-panda", "--file", file, text="not read")
        self.assertEqual(self.prompt_tokens("-f", file), self.prompt_tokens(letter))
        self.assertEqual(self.prompt_tokens("-f", "~/my letter.txt", "Sum up."),
                         self.prompt_tokens(letter + "\n\nSum up."))
        self.assertEqual(self.prompt_tokens("-f", file, "Sum up.", text="not read"),
                         self.prompt_tokens("Sum up.", text=letter))
        self.assertEqual(self.prompt_tokens("-f", "-", "Sum up.", text=letter),
                         self.prompt_tokens("Sum up.", text=letter))
        self.assertGreater(self.prompt_tokens("--image", PICTURE, "-f", file, "Sum up."),
                           self.prompt_tokens("--image", PICTURE, "Sum up."))
        ask = ("ask", "-m", "tiny-panda", "-f")
        self.refuses(3, "none.txt: no such file", *ask, self.folder / "none.txt")
        self.refuses(3, "is a folder", *ask, self.folder)
        self.refuses(3, "not the text that it should be, but a JPEG picture", *ask, PICTURE, "q")
        self.refuses(2, "give one of them", *ask, file, "-", text="q")
        self.refuses(2, "standard input", *ask, "-", "--image", "-", "q", text="q")
        file.write_text(" \n")
        self.refuses(3, "my letter.txt: there is no text in it", *ask, file)

    def test_a_loop_keeps_its_lines(self):
        script = ('while read -r file; do "$1" ask -m tiny-panda --image "$file" "What is it?"; '
                  'done <"$2"')
        (self.folder / "list").write_text(f"{PICTURE}\n{PICTURE}\n")
        result = subprocess.run(["sh", "-c", script, "sh", PROGRAM, self.folder / "list"], check=False,
                                capture_output=True, text=True)
        self.assertEqual(result.stdout, 2 * ANSWER, result.stderr)

    def test_a_language_model_alone(self):
        file = Path(MODEL) / "llm.gguf"
        result = run("ask", "--model", file, "--greedy", "-n", "8", "What is it?")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertNotEqual(result.stdout.strip(), "")
        self.assertEqual(run("ask", "--model", file, "--greedy", "-n", "8", "What is it?").stdout,
                         result.stdout)
        self.assertEqual(run("run", file, "--greedy", "-n", "8", "What is it?").stdout, result.stdout)
        chat = run("chat", "--model", file, "--greedy", "-n", "8", text="What is it?\n/regenerate\n")
        self.assertEqual((chat.returncode, chat.stdout), (0, 2 * result.stdout), chat.stderr)
        self.refuses(2, "answers text only", "ask", "--model", file, "--image", PICTURE, "q")
        self.refuses(2, "a server needs a model folder", "serve", "--model", file)
        self.refuses(4, "no such file", "ask", "--model", self.folder / "none.gguf", "q")
        (self.folder / "bad.gguf").write_text("no model")
        self.refuses(4, "bad.gguf", "ask", "--model", self.folder / "bad.gguf", "q")

    def test_system_messages(self):
        """Where a chat template has a place for one."""
        template = self.folder / "chatml.gguf"
        template.write_bytes(with_chat_template(Path(MODEL) / "llm.gguf",
                                                "{{'<|im_start|>' + role + content + '<|im_end|>'}}"))
        def tokens(*arguments):
            result = run("ask", "-m", template, "--json", "-n", "2", "Hi", *arguments)
            self.assertEqual((result.returncode, result.stderr), (0, ""), arguments)
            return json.loads(result.stdout)["timings"]["prompt_tokens"]

        system = "Answer in one word."
        without = tokens()
        for name in ("-sys", "--system", "--system-prompt"):
            self.assertGreater(tokens(name, system), without + len(system) / 2, name)
        chat = run("chat", "-m", template, "-sys", system, "--json", "-n", "2", text="Hi\n/reset\nHi\n")
        for line in chat.stdout.splitlines():
            timings = json.loads(line)["timings"]
            self.assertEqual(timings["prompt_tokens"] + timings["reused_tokens"], tokens("-sys", system))
        self.assertEqual(run("run", template, "-sys", system, "-n", "2", "Hi").returncode, 0)
        self.refuses(2, "tiny-panda: PandaGPT's prompt has no place for a system message", "ask", "-m",
                     "tiny-panda", "-sys", system, "q")
        self.refuses(2, "llm.gguf: no chat template that is known", "ask", "-m", Path(MODEL) / "llm.gguf",
                     "--system", system, "q")

    def test_questions_about_nothing(self):
        """A question about a picture that nobody has given, to a model that could be given one or not."""
        for model, message in ((Path(MODEL), "a picture, but none was given"),
                               (Path(MODEL) / "llm.gguf", "a picture, which this model can't be given")):
            asked = run("ask", "-m", model, "--json", "-n", "2", "What is in the picture?")
            self.assertIn(message, asked.stderr)
            self.assertEqual(asked.stderr.count("\n"), 1)
            self.assertIn(message, json.loads(asked.stdout)["warnings"][0])
            chat = run("chat", "-m", model, "--json", "-n", "2",
                       text="What is in the picture?\n/regenerate\nHow are you?\n")
            self.assertEqual(chat.stderr.count(message), 1)
            warnings = [json.loads(line)["warnings"] for line in chat.stdout.splitlines()]
            self.assertEqual([len(one) for one in warnings], [1, 1, 0])
            self.assertEqual(run("ask", "-m", model, "-n", "2", "What is a picture?").stderr, "")

    def test_web_addresses(self):
        content = Path(PICTURE).read_bytes()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200 if self.path == "/cat.jpg" else 404)
                self.end_headers()
                if self.path == "/cat.jpg":
                    self.wfile.write(content)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        address = f"http://127.0.0.1:{server.server_port}"
        self.refuses(2, f"{address}/cat.jpg is a web address: --allow-urls fetches it", "ask", "-m",
                     "tiny-panda", "--image", address + "/cat.jpg", "What is it?")
        self.answers("ask", "-m", "tiny-panda", "--allow-urls", "--image", address + "/cat.jpg",
                     "What is it?")
        self.refuses(3, "404", "ask", "-m", "tiny-panda", "--allow-urls", "--image", address + "/dog.jpg",
                     "What is it?")
        missing = run("ask", "-m", "tiny-panda", "--allow-urls", "--image", address + "/dog.jpg", "What is it?")
        self.assertEqual(missing.stderr.count(address), 1, missing.stderr)
        chat = run("chat", "-m", "tiny-panda", "--allow-urls", "--json",
                   text=f"/image {address}/cat.jpg\nWhat is it?\n")
        self.assertEqual(chat.returncode, 0, chat.stderr)
        self.assertEqual(json.loads(chat.stdout)["inputs"][0]["path"], address + "/cat.jpg")

    def test_files_dropped_on_a_chat(self):
        shutil.copy(PICTURE, self.folder / "my photo.jpg")
        path = str(self.folder / "my photo.jpg")
        lines = (f"/image '{path}'", "/image " + path.replace(" ", "\\ "), "/image ~/my photo.jpg",
                 "/image file://" + path.replace(" ", "%20"), f'/image "{path}"', "/image " + path,
                 f"'{path}' ")
        for line in lines:
            result = run("chat", "-m", "tiny-panda", "--json", text=line + "\nWhat is it?\n")
            self.assertEqual((result.returncode, result.stderr), (0, ""), line)
            self.assertEqual(json.loads(result.stdout)["inputs"][0]["path"], path, line)
        self.answers("ask", "-m", "tiny-panda", "--image", "file://" + path.replace(" ", "%20"), "q?")
        self.refuses(3, str(self.folder / "no photo.jpg") + ": no such file", "ask", "-m", "tiny-panda",
                     "--image", "~/no photo.jpg", "q")

    def test_chats_are_saved_and_loaded(self):
        saved = self.folder / "talk.json"
        first = run("chat", "-m", "tiny-panda", text=f"/image {PICTURE}\nOne?\n/save {saved}\n/bye\n")
        self.assertEqual(first.returncode, 0, first.stderr)
        content = saved.read_text()
        again = run("chat", "-m", "tiny-panda", text=f"Two?\n/save {saved}\n")
        self.assertEqual(again.returncode, 2)
        self.assertIn("is there already; /save --force", again.stderr)
        self.assertEqual(saved.read_text(), content)
        loaded = run("chat", "-m", "tiny-panda", text=f"/load {saved}\nTwo?\n/save {saved}\n")
        self.assertEqual(loaded.returncode, 0, loaded.stderr)
        document = json.loads(saved.read_text())
        self.assertEqual([one["value"] for one in document["conversation"][::2]], ["One?", "Two?"])
        self.assertEqual(document["inputs"][0]["path"], PICTURE)
        saved.write_text('{"inputs": [], "conversation": [{"from": "gpt", "value": "A"}]}')
        bad = run("chat", "-m", "tiny-panda", text=f"/load {saved}\n")
        self.assertEqual(bad.returncode, 3)
        self.assertIn("no conversation that /save has written", bad.stderr)
        slip = run("chat", "-m", "tiny-panda", text="/imgae x.jpg\n")
        self.assertIn("unknown command /imgae; did you mean '/image'?", slip.stderr)
        block = run("chat", "-m", "tiny-panda", text=f'"""One\ntwo\n"""\n/save {saved}.2\n')
        self.assertEqual(block.returncode, 0, block.stderr)
        conversation = json.loads(Path(f"{saved}.2").read_text())["conversation"]
        self.assertEqual(conversation[0]["value"], "One\ntwo")

    def test_inputs_of_a_saved_chat_stay_in_their_turns(self):
        saved = self.folder / "talk.json"
        sound = self.folder / "b.jpg"
        shutil.copy(PICTURE, sound)
        chat = ("chat", "-m", "tiny-panda", "--later-inputs", "keep", "--json")

        def positions(result):
            self.assertEqual(result.returncode, 0, result.stderr)
            timings = json.loads(result.stdout.splitlines()[-1])["timings"]
            return timings["prompt_tokens"] + timings["reused_tokens"]

        talk = f"/image {PICTURE}\nOne?\nTwo?\n/add image {sound}\nThree?\n/add image {PICTURE}\n"
        whole = run(*chat, text=talk + f"/save {saved}\nFour?\n")
        document = json.loads(saved.read_text())
        self.assertEqual([one["path"] for one in document["inputs"]], [PICTURE])
        questions = document["conversation"][::2]
        self.assertEqual([len(one.get("inputs", [])) for one in questions], [0, 0, 1])
        self.assertEqual(questions[2]["inputs"][0]["path"], str(sound))
        self.assertEqual(len(document["next_inputs"]), 1)
        again = run(*chat, text=f"/load {saved}\n/inputs\nFour?\n/save {saved}\n")
        self.assertEqual(positions(again), positions(whole), "all at the beginning would be fewer")
        self.assertEqual(json.loads(again.stderr.splitlines()[0])[1]["path"], str(sound))
        questions = json.loads(saved.read_text())["conversation"][::2]
        self.assertEqual([len(one.get("inputs", [])) for one in questions], [0, 0, 1, 1])
        self.assertEqual(run(*chat, text=f"/load {saved}\n/regenerate\n").returncode, 0)
        # Where the newest inputs replace the earlier ones, the newest are used.
        other = run("chat", "-m", "tiny-panda", text=f"/load {saved}\nFive?\n/save {saved}.2\n")
        self.assertEqual(other.returncode, 0, other.stderr)
        inputs = json.loads(Path(f"{saved}.2").read_text())["inputs"]
        self.assertEqual([one["path"] for one in inputs], [PICTURE])
        # What can't be loaded leaves the conversation as it is.
        sound.unlink()
        kept = run(*chat, text=f"/image {PICTURE}\nMine?\n/load {saved}\n/save {saved}.3\n")
        self.assertEqual(kept.returncode, 3)
        self.assertIn("b.jpg: no such file", kept.stderr)
        document = json.loads(Path(f"{saved}.3").read_text())
        self.assertEqual(document["conversation"][0]["value"], "Mine?")
        self.assertEqual(len(document["inputs"]), 1)

    def test_readers_that_go_away(self):
        for arguments in (["list"], ["ask", "-m", "tiny-panda", "q"], ["models", "--json"]):
            reader, writer = os.pipe()
            os.close(reader)
            result = subprocess.run([PROGRAM, *arguments], stdin=subprocess.DEVNULL, stdout=writer,
                                    stderr=subprocess.PIPE, check=False)
            os.close(writer)
            self.assertEqual((result.returncode, result.stderr), (CLOSED_OUTPUT, b""), arguments)
        self.assertIn(f"{CLOSED_OUTPUT} nobody reads", run("--help").stdout)
        self.assertIn(f"{CLOSED_OUTPUT} nobody reads", run("man").stdout)

    def test_versions(self):
        text = run("--version").stdout
        self.assertEqual(run("-V").stdout, text)
        self.assertRegex(text, r"\Apandagpt \d+\.\d+\.\d+( \(commit [0-9a-f]{7,}(-changed)?\))?\n")
        self.assertRegex(text, r"\nllama\.cpp [^\n]*, ggml \d+\.\d+\.\d+")
        self.assertRegex(text, r"\ndevice cpu: .")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[4:], verbosity=2)
