"""What the documents tell a reader to type: code blocks, their shell commands, links and named options."""

import dataclasses
import functools
import os
import pathlib
import re
import shlex
import subprocess

# A block in one of these languages is typed into a shell. In the second, commands begin with "$ "
# and what they print stands below them.
SHELL, CONSOLE = "sh", "console"
PROGRAM = re.compile(r"(pandagpt(-train)?|cmake|ctest|curl|pip|python3?|docker|mpirun|srun|torchrun)(?= )"
                     r"|(scripts|tools|bench|build/release)/")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")


@dataclasses.dataclass
class Block:
    document: pathlib.Path  # relative to the project's root
    language: str  # "" where the block names none
    line: int  # of its first line, from 1
    lines: list[str]

    @property
    def text(self) -> str:
        return "\n".join(self.lines) + "\n"


@dataclasses.dataclass
class Command:
    document: pathlib.Path
    line: int
    text: str
    printed: str | None = None  # what the document says that it prints

    def __str__(self) -> str:
        return f"{self.document}:{self.line}: {self.text}"


def documents(root: pathlib.Path) -> list[pathlib.Path]:
    found = [root / "README.md", root / "CONTRIBUTING.md"]
    for folder in ("docs", "models", "examples", "packaging"):
        found += sorted((root / folder).rglob("*.md"))
    return [path.relative_to(root) for path in found]


def blocks_of(root: pathlib.Path, document: pathlib.Path) -> list[Block]:
    """Fenced blocks, and indented ones outside lists."""
    blocks, open_block, in_list, previous = [], None, False, ""
    for number, line in enumerate((root / document).read_text(encoding="utf-8").splitlines(), 1):
        fence = re.match(r"\s*```(\w*)\s*$", line)
        if open_block and open_block.fenced:
            if fence:
                open_block = None
            else:
                open_block.lines.append(line.removeprefix(open_block.margin))
            continue
        if fence:
            open_block = Block(document, fence[1], number + 1, [])
            open_block.fenced, open_block.margin = True, line[:len(line) - len(line.lstrip())]
            blocks.append(open_block)
            continue
        if line.startswith("    ") and not in_list and (open_block or not previous):
            if not open_block:
                open_block = Block(document, "", number, [])
                open_block.fenced = False
                blocks.append(open_block)
            open_block.lines.append(line[4:])
        elif line:
            open_block = None
            in_list = bool(re.match(r"\s*([-*]|\d+\.) ", line)) or (in_list and line.startswith(" "))
        previous = line
    return blocks


@functools.cache
def is_complete(text: str) -> bool:
    """Whether a shell would run `text` now instead of waiting for more lines."""
    parsed = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True)
    return parsed.returncode == 0 and not parsed.stderr and not text.rstrip("\n").endswith("\\")


def commands_of(block: Block) -> list[Command]:
    commands, pending, first = [], "", block.line
    for number, line in enumerate(block.lines, block.line):
        if block.language == CONSOLE:
            if pending or line.startswith("$ "):
                line = line.removeprefix("$ ")
            else:
                if commands and line:
                    commands[-1].printed = (commands[-1].printed or "") + line + "\n"
                continue
        if not pending:
            if not line.strip() or line.startswith("#"):
                continue
            first = number
        pending += line + "\n"
        if is_complete(pending):
            commands.append(Command(block.document, first, pending.rstrip("\n")))
            pending = ""
    if pending:
        raise ValueError(f"{block.document}:{first}: the command doesn't end: {pending}")
    return commands


def hidden_commands(block: Block) -> list[str]:
    """Lines of a block of another language that look as if they were for a shell."""
    if block.language in (SHELL, CONSOLE):
        return []
    return [line for line in block.lines
            if line.startswith("$ ") or PROGRAM.match(line) and len(line.split()) > 1]


def without_comments(text: str) -> str:
    """The same in one line: comments are left out, and ends of lines outside quotes become semicolons."""
    kept, quote, at = [], "", 0
    while at < len(text):
        character = text[at]
        if not quote and character == "#" and (at == 0 or text[at - 1].isspace()):
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
            continue
        if character == "\\" and quote != "'":
            kept.append(" " if text[at + 1:at + 2] == "\n" else text[at:at + 2])
            at += 2
            continue
        if character in "'\"" and quote in ("", character):
            quote = "" if quote else character
        kept.append(" ; " if character == "\n" and not quote else character)
        at += 1
    return "".join(kept)


def words_of(text: str) -> list[list[str]]:
    """The words of each simple command in `text`."""
    lexer = shlex.shlex(without_comments(text), posix=True, punctuation_chars=";|&()<>")
    lexer.commenters = ""
    lexer.whitespace_split = True
    simple: list[list[str]] = [[]]
    for word in lexer:
        if set(word) <= set(";|&()<>"):
            simple.append([])
        else:
            simple[-1].append(word)
    return [words for words in simple if words]


def inline_codes(root: pathlib.Path, document: pathlib.Path):
    """(line, text) of everything in single backticks outside code blocks."""
    text = (root / document).read_text(encoding="utf-8")
    text = re.sub(r"^\s*```.*?^\s*```", lambda block: re.sub(r"[^\n]", "", block[0]), text, flags=re.M | re.S)
    for match in re.finditer(r"`([^`]+)`", text):
        yield text.count("\n", 0, match.start()) + 1, match[1]


def broken_links(root: pathlib.Path, document: pathlib.Path) -> list[str]:
    text = re.sub(r"```.*?```", "", (root / document).read_text(encoding="utf-8"), flags=re.S)
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = root / document.parent / path if path else root / document
        if not file.exists():
            broken.append(f"{document}: no such file: {target}")
        elif anchor and anchor not in anchors_of(file):
            broken.append(f"{document}: no such heading: {target}")
    return broken


def anchors_of(file: pathlib.Path) -> set[str]:
    """GitHub's anchors of a document's headings."""
    headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


class Help:
    """The help texts of a program made with CLI11, asked for as they are needed."""

    def __init__(self, program: os.PathLike):
        self.program = str(program)
        self._texts: dict[tuple[str, ...], str] = {}

    def text(self, path: tuple[str, ...] = ()) -> str:
        if path not in self._texts:
            outcome = subprocess.run([self.program, *path, "--help"], capture_output=True, text=True, timeout=60)
            self._texts[path] = outcome.stdout if outcome.returncode == 0 else ""
        return self._texts[path]

    def subcommands(self, path: tuple[str, ...] = ()) -> list[str]:
        parts = re.split(r"(?im)^\[?(?:sub)?commands\]?:?\s*$", self.text(path), maxsplit=1)
        if len(parts) == 1:
            return []
        section = re.split(r"\n\S", parts[1], maxsplit=1)[0]
        return re.findall(r"(?m)^ {1,4}([a-z][a-z-]*)\b", section)

    def path_of(self, words: list[str]) -> tuple[str, ...]:
        path: tuple[str, ...] = ()
        for word in words:
            if word not in self.subcommands(path):
                break
            path += (word,)
        return path

    def everything(self) -> str:
        texts, todo = [], [()]
        while todo:
            path = todo.pop()
            texts.append(self.text(path))
            todo += [(*path, name) for name in self.subcommands(path)]
        return "\n".join(texts)
