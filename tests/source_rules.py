"""Rules that the source tree keeps by itself: what may include what, and how long a file may be. Each function takes
the root of a tree and returns one line for each place that breaks a rule.

The layers are read from the tables of docs/architecture.md: their order, public headers and libraries."""

import pathlib
import re
from dataclasses import dataclass

ARCHITECTURE = "docs/architecture.md"

# Includes that break the layers today: (file, header) -> the step that will mend it. Nothing may be added. An entry
# whose include is gone, or allowed by now, fails.
KNOWN_EXCEPTIONS: dict[tuple[str, str], str] = {}

CODE = {".c", ".cc", ".cpp", ".h", ".hpp", ".in", ".inc"}
INCLUDE = re.compile(r"^[ \t]*#[ \t]*(?:include|import)\b[ \t]*(.*)$", re.MULTILINE)
NAMED = re.compile(r'^(?:"([^"]+)"|<([^>]+)>)')

# Headers of other projects, and the names that the tables give these projects. What is missing here is the C++ or C
# standard's, or the system's, if one of the patterns below says so.
LIBRARIES = [
    (r"(torch|ATen|c10|gloo)/", "libtorch"), (r"faiss/", "FAISS"), (r"httplib\.h", "cpp-httplib"),
    (r"curl/", "libcurl"), (r"sqlite3\.h", "SQLite"), (r"llama\.h", "llama.cpp"), (r"ggml.*\.h|gguf\.h", "ggml"),
    (r"(oneapi/|dnnl)", "oneDNN"), (r"omp\.h", "OpenMP"), (r"openssl/", "OpenSSL"), (r"spdlog/", "spdlog"),
    (r"nlohmann/", "nlohmann-json"), (r"CLI/", "CLI11"), (r"yaml-cpp/", "yaml-cpp"), (r"histedit\.h", "libedit"),
    (r"nanobind/", "nanobind"), (r"zlib\.h", "zlib"), (r"utf8proc\.h", "utf8proc"), (r"lib(avcodec|avformat|avutil|swresample|swscale)/", "FFmpeg"),
    (r"tiffio\.h", "libtiff"), (r"jpeglib\.h", "libjpeg"), (r"libheif/", "libheif"),
    (r"lz4frame\.h", "lz4"), (r"zstd\.h", "zstd"), (r"bzlib\.h", "bzip2"),
    (r"(librsvg/|cairo\.h)", "librsvg"), (r"gtest/|gmock/", "GoogleTest"), (r"benchmark/", "Google Benchmark")]
SYSTEM = re.compile(r"[a-z_0-9]+|(sys|arpa|netinet|linux)/[a-z_0-9]+\.h|"
                    r"(dlfcn|fcntl|fnmatch|immintrin|netdb|poll|pty|pwd|sched|signal|spawn|stdbool|stddef|stdint|stdio|"
                    r"string|unistd)\.h")
# Made by the build.
GENERATED = {"pandagpt_commit.h"}

MAX_LINES = 600
LINED = CODE | {".py", ".js", ".css", ".html", ".sh", ".cmake", ".md", ".yaml"}
LINED_FOLDERS = ("src", "include", "python", "tests", "bench", "tools", "examples", "scripts", "cmake", "web", "docs")
# Longer files, with the reason.
LONG_FILES = {"docs/openapi.yaml": "tools read the description of an interface as one file"}


@dataclass
class Layer:
    """A folder of src/: a row of the tables."""
    name: str
    uses: set[str]                   # folders of src/ that it may include
    public_headers: set[str] | None  # of include/pandagpt; None beside the layers
    libraries: str                   # the cell's text


def _rows(text: str):
    """The tables below the heading "Layers", one dictionary a row: heading of the column -> text of the cell."""
    section = re.search(r"^## Layers\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    head = None
    for line in (section.group(1) if section else "").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            head = None
        elif head is None:
            head = cells
        elif not set(line) <= set("|- :"):
            yield dict(zip(head, cells, strict=True))


def _names(cell: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", cell))


def read_layers(root: pathlib.Path) -> dict[str, Layer]:
    """By name, in the tables' order. Raises ValueError for tables that can't be used."""
    layers: dict[str, Layer] = {}
    for row in _rows((root / ARCHITECTURE).read_text()):
        is_layer = "Layer" in row
        name, = _names(row["Layer" if is_layer else "Beside them"])
        others = _names(row.get("Uses", ""))
        if not is_layer and not others <= set(layers):
            raise ValueError(f"{ARCHITECTURE}: {name} uses {', '.join(sorted(others - set(layers)))}, "
                             "which no row above it has")
        uses = {one for one, layer in layers.items() if layer.public_headers is not None} | others
        headers = _names(row["Public headers"]) if is_layer else None
        layers[name] = Layer(name, uses, headers, row["Libraries"])
    if not layers:
        raise ValueError(f"{ARCHITECTURE}: no table of layers")
    return layers


def _public_layer(layers: dict[str, Layer], header: str):
    return next((one.name for one in layers.values() if header in (one.public_headers or ())), None)


def _library_of(header: str):
    return next((name for pattern, name in LIBRARIES if re.match(pattern, header)), None)


class _Includes:
    """Judges the includes of a tree."""

    def __init__(self, root: pathlib.Path):
        self.root = root
        self.layers = read_layers(root)
        first = next(iter(self.layers.values()))
        self.common_libraries = first.libraries  # of the lowest layer, which all others use

    def fault(self, path: pathlib.PurePosixPath, header: str, quoted: bool):
        """What is wrong with `header` in the file `path`, or nothing. The header stands in quotes, or in <>."""
        area = path.parts[0]
        if ".." in header.split("/"):
            return "is named by a path with '..'; name it from src/ or include/"
        if (self.root / "include" / header).is_file():
            return self._fault_of_public(path, header)
        if quoted and area == "tests" and (self.root / "tests" / header).is_file():
            return None
        if (self.root / "src" / header).is_file() or header.split("/")[0] in self.layers:
            return self._fault_of_ours(path, header)
        if quoted:
            return None if header in GENERATED else "is nowhere below src/ or include/"
        return self._fault_of_other(path, header)

    def _fault_of_public(self, path, header):
        if path.parts[0] != "src":
            return None
        wanted = _public_layer(self.layers, pathlib.PurePosixPath(header).name)
        if wanted is None:
            return f"stands in no row of {ARCHITECTURE}"
        return self._order_fault(path.parts[1], wanted)

    def _fault_of_ours(self, path, header):
        area, wanted = path.parts[0], header.split("/")[0]
        if not (self.root / "src" / header).is_file():
            return "is no file of src/"
        if area == "include" or area == "examples":
            return "is internal: only include/pandagpt is public"
        if area != "src":
            return None
        return self._order_fault(path.parts[1], wanted)

    def _order_fault(self, own, wanted):
        if own == wanted or wanted in self.layers[own].uses:
            return None
        return f"belongs to {wanted}, which {own} may not use"

    def _fault_of_other(self, path, header):
        area, library = path.parts[0], _library_of(header)
        if library is None:
            return None if SYSTEM.fullmatch(header) else "is of no library that tests/source_rules.py knows"
        if area == "include":
            return f"is of {library}: public headers need the standard library alone"
        if area != "src":
            return None
        known = self.layers[path.parts[1]].libraries + ", " + self.common_libraries
        is_known = re.search(rf"(?<![\w.]){re.escape(library)}(?![\w])", known)
        return None if is_known else f"is of {library}, which {path.parts[1]}'s row doesn't name"


def include_faults(root: pathlib.Path, exceptions=None) -> list[str]:
    exceptions = KNOWN_EXCEPTIONS if exceptions is None else exceptions
    judge = _Includes(root)
    faults, needed = [], set()
    for area in ("include", "src", "tests", "bench", "examples"):
        for file in sorted((root / area).rglob("*")):
            if file.suffix not in CODE or not file.is_file():
                continue
            path = pathlib.PurePosixPath(file.relative_to(root).as_posix())
            if area == "src" and (len(path.parts) < 3 or path.parts[1] not in judge.layers):
                faults.append(f"{path}: its folder stands in no row of {ARCHITECTURE}")
                continue
            text = file.read_text(errors="replace")
            for match in INCLUDE.finditer(text):
                line = text.count("\n", 0, match.start()) + 1
                named = NAMED.match(match.group(1))
                if not named:
                    faults.append(f"{path}:{line}: an include that is no name in quotes or <>")
                    continue
                header = named.group(1) or named.group(2)
                fault = judge.fault(path, header, named.group(1) is not None)
                if fault and (str(path), header) in exceptions:
                    needed.add((str(path), header))
                elif fault:
                    faults.append(f"{path}:{line}: {header} {fault}")
    for gone in sorted(set(exceptions) - needed):
        faults.append(f"{gone[0]}: {gone[1]} needs no exception any more; take it off the list")
    return faults + _home_faults(root, judge.layers)


def _home_faults(root, layers) -> list[str]:
    """Where a public header says which layer it is of, its source must lie there; and all rows must be true."""
    faults = []
    public = {file.name for file in (root / "include/pandagpt").glob("*.h")}
    for layer in layers.values():
        if not (root / "src" / layer.name).is_dir():
            faults.append(f"{ARCHITECTURE}: there is no src/{layer.name}")
        for header in sorted((layer.public_headers or set()) - public):
            faults.append(f"{ARCHITECTURE}: {layer.name} has {header}, which include/pandagpt lacks")
    for header in sorted(public):
        home = _public_layer(layers, header)
        if home is None:
            faults.append(f"include/pandagpt/{header}: stands in no row of {ARCHITECTURE}")
            continue
        for source in sorted((root / "src").glob(f"*/{pathlib.Path(header).stem}.cpp")):
            first = INCLUDE.search(source.read_text())
            if first and f"pandagpt/{header}" in first.group(1) and source.parent.name != home:
                faults.append(f"src/{source.parent.name}/{source.name}: {header} is of {home}")
    return faults


def declaration_faults(root: pathlib.Path) -> list[str]:
    """What pandagpt_component() says a layer uses must be what its files include."""
    faults = []
    for script in sorted((root / "src").glob("*/CMakeLists.txt")):
        declared = re.search(r"pandagpt_component\(([^)]*)\)", script.read_text())
        if not declared:
            continue
        uses = re.search(r"\bUSES\b(.*?)(?:\bLINK\b|\Z)", declared.group(1), re.DOTALL)
        named = set(uses.group(1).split()) if uses else set()
        included = set()
        for file in script.parent.rglob("*"):
            if file.suffix in CODE and file.is_file():
                for match in INCLUDE.finditer(file.read_text(errors="replace")):
                    name = NAMED.match(match.group(1))
                    if name and name.group(1) and (root / "src" / name.group(1)).is_file():
                        included.add(name.group(1).split("/")[0])
        included.discard(script.parent.name)
        path = script.relative_to(root).as_posix()
        faults += [f"{path}: {one} is included and not declared" for one in sorted(included - named)]
        faults += [f"{path}: {one} is declared and not included" for one in sorted(named - included)]
    return faults


def length_faults(root: pathlib.Path, long_files=None) -> list[str]:
    long_files = LONG_FILES if long_files is None else long_files
    faults, needed = [], set()
    for folder in LINED_FOLDERS:
        for file in sorted((root / folder).rglob("*")):
            path = file.relative_to(root).as_posix()
            is_script = file.suffix in LINED or file.name == "CMakeLists.txt"
            if not is_script or not file.is_file() or path.startswith("tests/fixtures/"):
                continue
            n = len(file.read_bytes().splitlines())
            if n <= MAX_LINES:
                continue
            if path in long_files:
                needed.add(path)
            else:
                faults.append(f"{path}: {n} lines, {MAX_LINES} at most; divide it")
    return faults + [f"{path}: isn't longer than {MAX_LINES} lines any more; take it off the list"
                     for path in sorted(set(long_files) - needed)]
