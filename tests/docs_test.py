#!/usr/bin/env python3
"""Types what README and docs tell a reader to type. Usage: docs_test.py SOURCE_DIR BUILD_DIR [PYTHON [CXX]]

Every command of every document is run, in order, in a home of its own (docs_sandbox.py), and must end with exit code 0.
Each section of the README has a home, too. NOT_RUN lists the exceptions with the reason. Of these, too, the syntax is checked, and that each program, subcommand and
option exists. The same is checked of what stands in backticks in the text. C++ and Python are compiled and run where
CXX and the client are there (PYTHON: an interpreter with the packages of tests/requirements.txt). Links must lead to
files and headings.

Documents are independent, so several are worked through at once. What only needs an answer is asked of one server:
starting the program takes longer than answering.
"""

import base64
import bisect
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import urllib.request

import doc_commands
import docs_sandbox
import serve_process
import tiny_senses

ROOT = pathlib.Path(sys.argv[1]).resolve()
sys.path.insert(0, str(ROOT / "tools" / "docs"))
import readme_examples  # noqa: E402

SERVER = "http://127.0.0.1:8080"  # of the documents; here it has a free port
AT_ONCE = 4  # documents, or sections of the README
LARGE_FILE_BYTES = 300_000  # more than Linux takes as one argument (128 KiB)

# What isn't run, by a pattern of the command, and why.
NOT_RUN = [
    (r"scripts/(setup|demo|test|sanitize|wheel|package)\.sh", "sets up the machine, or runs these tests"),
    (r"^cmake --preset|^cmake --install|\bctest\b", "builds; install_and_use_from_another_project installs"),
    (r"pandagpt-train (llm|bind)", "trains for minutes to hours; train_job_test and bind_job_test run the jobs"),
    (r"pandagpt-train plot", "needs runs; train_report_test draws one"),
    (r"models/panda-motion|runs/motion", "needs what training made"),
    (r"^pip |^python3? -m pip", "downloads"),
    (r"https://example\.com", "needs the network; command_line_test fetches from a server of its own"),
    (r"models pull|\bpandagpt pull", "downloads; pull_cli_test pulls from a server of its own"),
    (r"convert_llama_weights_to_hf", "transformers' own script, on LLaMA's weights"),
    (r"--device cuda|--rpc |rpc-server", "needs a GPU or other machines; rpc_test runs two servers"),
    (r"tools/data/(?!make_examples)|tools/train/|tools/reference/", "needs data sets that aren't in the repository"),
    (r"^(build/release/)?bench/", "measures for minutes"),
    (r"^sudo apt install|^systemctl", "changes the system; scripts/package.sh --check installs the packages in another one"),
    (r"^cc |^\./ask |^PKG_CONFIG_PATH=", "needs an installation; install_and_use_from_another_project does it"),
]
# What is typed while a command runs.
TYPED = [(r"pandagpt chat", "What is it?\n/exit\n")]
# What these would have fetched, and what the reader has, is put where the reader's shell is (docs_sandbox.py).
DOWNLOADS = re.compile(r"models pull|^pip download")
SERVES = re.compile(r"\bpandagpt serve\b")
# An option of `pandagpt ask`, the part of a request that is the same, and that part's field.
PARTS = {"--image": ("image_url", "url"), "--video": ("video_url", "url"), "--audio": ("input_audio", "data"),
         "--thermal": ("thermal_image", "url"), "--depth": ("depth_map", "url"), "--imu": ("imu", "data")}
# Options of other programs that the text names in backticks.
FOREIGN_OPTIONS = {"--cpunodebind", "--logdir", "--nnodes", "--now"}


class Failures(list):
    def add(self, where, what) -> None:
        print(f"FAILED {where}\n       {what}", flush=True)
        self.append(where)


def reason_not_to_run(command: str) -> str | None:
    return next((why for pattern, why in NOT_RUN if re.search(pattern, command)), None)


class Names:
    """Checks that programs, subcommands, options and files exist."""

    def __init__(self, sandbox: docs_sandbox.Sandbox):
        self.helps = {"pandagpt": doc_commands.Help(sandbox.program)}
        if sandbox.trainer.is_file():
            self.helps["pandagpt-train"] = doc_commands.Help(sandbox.trainer)
        scripts = [path for folder in ("bench", "scripts", "tools") for path in (ROOT / folder).rglob("*")
                   if path.suffix in (".py", ".sh")]
        # The trainer may not be built; its sources name its options all the same.
        training = "\n".join(path.read_text(encoding="utf-8") for folder in ("config", "train")
                             for path in (ROOT / "src" / folder).rglob("*.[ch]*"))
        known = "\n".join([path.read_text(encoding="utf-8") for path in scripts] + [training]
                          + [text.everything() for text in self.helps.values()])
        self.options = set(doc_commands.OPTION.findall(known)) | FOREIGN_OPTIONS
        self.presets = [preset["name"]
                        for preset in json.loads((ROOT / "CMakePresets.json").read_text())["configurePresets"]]

    def faults(self, command: str):
        for words in doc_commands.words_of(command):
            yield from self._faults_of(words)

    def _faults_of(self, words: list[str]):
        for at, word in enumerate(words):
            name = word.rsplit("/", 1)[-1]
            if name in ("pandagpt", "pandagpt-train") and (word == name or word.startswith("build/")):
                yield from self._faults_of_program(name, words[at + 1:])
                return
            if re.fullmatch(r"(scripts|tools|bench|tests)/\S+\.(py|sh)", word):
                yield from self._faults_of_script(word, words[at + 1:])
                return
        if words[0] in ("cmake", "ctest") and "--preset" in words:
            preset = words[words.index("--preset") + 1]
            if preset not in self.presets:
                yield f"no preset {preset}"

    def _faults_of_program(self, name: str, words: list[str]):
        if name not in self.helps:
            yield from (f"{name} has no option {option}" for option in words
                        if doc_commands.OPTION.fullmatch(option) and option not in self.options)
            return
        text = self.helps[name]
        path = text.path_of(words)
        if not path and words and re.fullmatch(r"[a-z][a-z-]*", words[0]):
            yield f"{name} has no command {words[0]}"
        shown = text.text(path) + text.text()
        for word in words[len(path):]:
            option = re.match(r"(--[a-z0-9-]+|-[A-Za-z]$)", word)
            if option and not re.search(rf"(?<![\w-]){option[1]}(?![\w-])", shown):
                yield f"{' '.join((name, *path))} has no option {option[1]}"

    def _faults_of_script(self, script: str, words: list[str]):
        path = ROOT / script
        if not path.is_file():
            yield f"no such script: {script}"
            return
        options = doc_commands.OPTION.findall(path.read_text(encoding="utf-8"))
        for option in (word.split("=")[0] for word in words if word.startswith("--")):
            if option not in options:
                yield f"{script} has no option {option}"

    def faults_of_code(self, text: str):
        """`text`: what stands in backticks."""
        if re.match(r"(build/release/src/\w+/)?pandagpt(-train)? [a-z]", text) and "'" not in text:
            yield from self.faults(text)
        for option in doc_commands.OPTION.findall(text):
            if option not in self.options:
                yield f"no program has the option {option}"


def serve(room: docs_sandbox.Room, command: str) -> None:
    """Starts a server as the document says, on a free port of this machine, and stops it when it is ready."""
    words = shlex.split(command, comments=True)
    variables = dict(word.split("=", 1) for word in words[:words.index("pandagpt")] if "=" in word)
    arguments = words[words.index("serve") + 1:]
    for option in ("--host", "--port"):
        if option in arguments:
            at = arguments.index(option)
            del arguments[at:at + 2]
    with tempfile.TemporaryDirectory() as files, serve_process.server(
            str(room.sandbox.bin / "pandagpt"), *arguments, "--files-dir", files, folder=room.place(),
            environment={**room.environment(), **variables}):
        pass


def typed_into(command: str) -> str:
    return next((text for pattern, text in TYPED if re.search(pattern, command)), "")


def printed_as_said(command: doc_commands.Command, printed: str, real_model: bool) -> bool:
    """Answers may differ in wording from one kind of CPU to the other; the thing that is named may not."""
    if command.printed is None or printed == command.printed or not real_model:
        return True
    typed = shlex.split(command.text)[1:]
    return any(example.is_right(printed) and example.is_right(command.printed)
               for example in readme_examples.read_examples() if example.arguments == typed)


def answer_of(address: str, example: readme_examples.Example, folder: pathlib.Path) -> str:
    """What the page gets, and `pandagpt ask` prints: the same answer (docs/decisions/same-bits.md)."""
    content = [{"type": "text", "text": example.question}]
    for option, path in zip(example.inputs[::2], example.inputs[1::2]):
        kind, field = PARTS[option]
        content.append({"type": kind, kind: {field: base64.b64encode((folder / path).read_bytes()).decode()}})
    body = {"temperature": 0, "messages": [{"role": "user", "content": content}]}
    request = urllib.request.Request(address + "/v1/chat/completions", json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=120) as response:
        return json.load(response)["choices"][0]["message"]["content"]


def check_examples(sandbox: docs_sandbox.Sandbox, address: str, failures: Failures) -> None:
    """The page's examples are those of examples/questions.tsv, and panda-mini answers all of these rightly."""
    examples = readme_examples.read_examples()
    listed = {(pathlib.Path(example.inputs[1]).name, example.question) for example in examples if "page" in example.where}
    senses = (ROOT / "web" / "js" / "senses.js").read_text(encoding="utf-8")
    shown = set(zip(re.findall(r'example: "([^"]+)"', senses), re.findall(r'question: "([^"]+)"', senses), strict=True))
    if listed != shown:
        failures.add(readme_examples.EXAMPLES, f"the page has {sorted(shown - listed)}, the list {sorted(listed - shown)}")
    if not sandbox.has_panda_mini:
        print("       set-up has not made panda-mini: examples are not asked about")
        return
    folder = sandbox.room(pathlib.Path("examples")).here
    for example in examples:
        if not all((folder / path).is_file() for path in example.inputs[1::2]):
            print(f"       set-up has not fetched {example.inputs[1]}")
            continue
        answer = answer_of(address, example, folder)
        if not example.is_right(answer):
            failures.add(f"{readme_examples.EXAMPLES}: {example.question}", f"the answer isn't right: {answer}")


def run(command: doc_commands.Command, room: docs_sandbox.Room, address: str, failures: Failures) -> None:
    if SERVES.search(command.text):
        try:
            serve(room, command.text.replace("build/release/src/cli/pandagpt", "pandagpt"))
        except (RuntimeError, OSError, subprocess.TimeoutExpired) as error:
            failures.add(command, error)
        return
    try:
        outcome = room.run(command.text.replace(SERVER, address), typed_into(command.text))
    except subprocess.TimeoutExpired as error:
        failures.add(command, f"no end after {error.timeout:.0f} s")
        return
    if outcome.returncode != 0:
        failures.add(command, f"exit code {outcome.returncode}: {outcome.stderr[-600:]}")
    elif '"error"' in outcome.stdout and "curl" in command.text:
        failures.add(command, outcome.stdout)
    elif not printed_as_said(command, outcome.stdout, room.sandbox.has_panda_mini):
        failures.add(command, f"prints {outcome.stdout!r}, not {command.printed!r}")


def compile_cpp(block: doc_commands.Block, compiler: str, failures: Failures) -> None:
    includes = [line for line in block.lines if line.startswith("#include")]
    rest = [line for line in block.lines if not line.startswith("#include")]
    program = "\n".join([*includes, "#include <iostream>", "int main() {", *rest, "}"])
    outcome = subprocess.run([compiler, "-std=c++20", "-fsyntax-only", "-I", ROOT / "include", "-x", "c++", "-"],
                             input=program, text=True, capture_output=True)
    if outcome.returncode != 0:
        failures.add(f"{block.document}:{block.line}: C++", outcome.stderr[-600:])


def compile_c(block: doc_commands.Block, compiler: str, failures: Failures) -> None:
    program = "\n".join(["#include <pandagpt/pandagpt.h>", "#include <stdio.h>",
                         "void part(pandagpt_panda* panda, pandagpt_embedder* embedder, pandagpt_inputs* inputs) {",
                         "(void)panda; (void)embedder; (void)inputs;", *block.lines, "}"])
    outcome = subprocess.run([compiler, "-std=c11", "-Wall", "-Werror", "-fsyntax-only", "-I", ROOT / "include", "-x",
                              "c", "-"], input=program, text=True, capture_output=True)
    if outcome.returncode != 0:
        failures.add(f"{block.document}:{block.line}: C", outcome.stderr[-600:])


def run_python(block: doc_commands.Block, room: docs_sandbox.Room, python: str, address: str,
               failures: Failures) -> None:
    text = block.text.replace(SERVER, address)
    modules = re.findall(r"^(?:import|from) (\w+)", text, flags=re.M)
    if not pathlib.Path(python).is_file() or subprocess.run(
            [python, "-c", "import " + ", ".join(modules)], capture_output=True, env=room.environment()).returncode != 0:
        print(f"       {block.document}:{block.line}: {python} lacks one of {', '.join(modules)}: compiled only")
        compile(text, str(block.document), "exec")
        return
    outcome = subprocess.run([python, "-c", text], cwd=room.place(), env=room.environment(), text=True,
                             capture_output=True, timeout=120)
    if outcome.returncode != 0:
        failures.add(f"{block.document}:{block.line}: Python", outcome.stderr[-600:])


def chapters_of(document: pathlib.Path) -> list[list[doc_commands.Block]]:
    """What is typed in one home. Readers pick a section of the README; other documents are read from the top."""
    blocks = doc_commands.blocks_of(ROOT, document)
    if document.name != "README.md" or document.parent != pathlib.Path():
        return [blocks]
    lines = (ROOT / document).read_text(encoding="utf-8").splitlines()
    begins = [number for number, line in enumerate(lines, 1) if line.startswith("## ")]
    chapters = [[] for _ in range(len(begins) + 1)]
    for block in blocks:
        chapters[bisect.bisect(begins, block.line)].append(block)
    return chapters


def check_texts(sandbox: docs_sandbox.Sandbox, failures: Failures) -> None:
    names = Names(sandbox)
    for document in doc_commands.documents(ROOT):
        check_text(document, names, failures)


def check_text(document: pathlib.Path, names: Names, failures: Failures) -> None:
    """Links, and names of programs and options."""
    for link in doc_commands.broken_links(ROOT, document):
        failures.add(document, link)
    for line, text in doc_commands.inline_codes(ROOT, document):
        for fault in names.faults_of_code(text):
            failures.add(f"{document}:{line}: `{text}`", fault)
    for block in doc_commands.blocks_of(ROOT, document):
        for line in doc_commands.hidden_commands(block):
            failures.add(f"{document}:{block.line}", f"a command outside a ```sh block: {line}")
        if block.language in (doc_commands.SHELL, doc_commands.CONSOLE):
            for command in doc_commands.commands_of(block):
                for fault in names.faults(command.text):
                    failures.add(command, fault)


def check_chapter(blocks: list[doc_commands.Block], room: docs_sandbox.Room, address: str, tools: list[str],
                  failures: Failures) -> int:
    """Returns how many commands were run."""
    n_run = 0
    for block in blocks:
        if block.language == "cpp" and len(tools) > 1:
            compile_cpp(block, tools[1], failures)
        if block.language == "c" and len(tools) > 1:
            compile_c(block, tools[1], failures)
        if block.language == "python" and tools:
            run_python(block, room, tools[0], address, failures)
        if block.language not in (doc_commands.SHELL, doc_commands.CONSOLE):
            continue
        for command in doc_commands.commands_of(block):
            if reason_not_to_run(command.text) is None:
                run(command, room, address, failures)
                n_run += 1
            elif DOWNLOADS.search(command.text):
                room.write_files(room.place())
    return n_run


def check_large_file(sandbox: docs_sandbox.Sandbox, address: str, failures: Failures) -> None:
    """Every documented curl with a file in it, with one that is too large for a command line."""
    room = sandbox.room(pathlib.Path("large"))
    for name in docs_sandbox.SOUNDS + docs_sandbox.PHOTOS:
        with (room.here / name).open("ab") as file:
            file.write(bytes(max(0, LARGE_FILE_BYTES - file.tell())))
    for document in doc_commands.documents(ROOT):
        for block in doc_commands.blocks_of(ROOT, document):
            if block.language in (doc_commands.SHELL, doc_commands.CONSOLE):
                for command in doc_commands.commands_of(block):
                    if "curl" in command.text and reason_not_to_run(command.text) is None:
                        run(command, room, address, failures)


def check_stale_rules(failures: Failures) -> None:
    texts = [command.text for document in doc_commands.documents(ROOT)
             for block in doc_commands.blocks_of(ROOT, document)
             if block.language in (doc_commands.SHELL, doc_commands.CONSOLE)
             for command in doc_commands.commands_of(block)]
    for pattern, why in NOT_RUN:
        if not any(re.search(pattern, text) for text in texts):
            failures.add(f"NOT_RUN of {pathlib.Path(__file__).name}", f"no command is like {pattern} ({why})")


def check_all(sandbox: docs_sandbox.Sandbox, address: str, tools: list[str], failures: Failures,
              at_once: concurrent.futures.Executor) -> None:
    def check(document: pathlib.Path, number: int, blocks: list[doc_commands.Block]) -> int:
        return check_chapter(blocks, sandbox.room(document / str(number)), address, tools, failures)

    runs = {document: [at_once.submit(check, document, number, blocks)
                       for number, blocks in enumerate(chapters_of(document)) if blocks]
            for document in doc_commands.documents(ROOT)}
    others = [at_once.submit(check_texts, sandbox, failures),
              at_once.submit(check_large_file, sandbox, address, failures),
              at_once.submit(check_examples, sandbox, address, failures)]
    for document, chapters in runs.items():
        print(f"{document}: {sum(one.result() for one in chapters)} commands run", flush=True)
    for one in others:
        one.result()


def main() -> None:
    build = pathlib.Path(sys.argv[2]).resolve()
    tools = [os.path.abspath(tool) if os.path.exists(tool) else tool for tool in sys.argv[3:]]  # python, compiler
    failures = Failures()
    check_stale_rules(failures)
    with tempfile.TemporaryDirectory() as folder:
        sandbox = docs_sandbox.Sandbox(ROOT, build, pathlib.Path(folder))
        with serve_process.server(str(sandbox.program), "--model", str(sandbox.models / "panda-mini"), "--files-dir",
                                  str(sandbox.folder / "files")) as address, \
                concurrent.futures.ThreadPoolExecutor(AT_ONCE) as at_once:
            check_all(sandbox, address, tools, failures, at_once)
    if failures:
        sys.exit(f"{len(failures)} failures")


if __name__ == "__main__":
    main()
