"""A place where the commands of the documents can be typed: a home folder with the files that they name.

Nobody has all the weights that the documents speak of, so small ones of tests/fixtures stand in for them:

    in the documents                             here
    imagebind_huge.pth                           fixtures/imagebind/tiny.pth
    imagebind_unofficial-*.whl                   fixtures/convert/imagebind_unofficial-0-py3-none-any.whl
    llama-7b-hf                                  fixtures/panda_parity/base, with fixtures/vicuna/base's vocabulary
    vicuna-7b-delta-v0                           fixtures/vicuna/delta
    pytorch_model.pt (PandaGPT's)                fixtures/panda_parity/pytorch_model.pt
    a model named imagebind-huge, pandagpt-13b   tiny_senses.make
    panda-mini                                   itself where set-up has made it, else tiny_senses.make
    photo.jpg, bark.wav, clip.mp4, ..            fixtures/images/photo_chelsea.jpg and examples/data
    run.mcap                                     fixtures/logs/ros2_zstd.mcap
    .cache/demo/chelsea.png                      itself where set-up has fetched it, else the same photo as above

The tiny ImageBind has other numbers of heads than the published one, and the tiny PandaGPT another alpha. Both are
options of `pandagpt convert`, which the `pandagpt` of this place adds.
"""

import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys

import tiny_senses

PARITY_ALPHA = 16  # of tests/fixtures/panda_parity
PHOTOS = ("photo.jpg", "dog.jpg", "p.jpg", "car.jpg")
SOUNDS = ("bark.wav", "rain.wav")
FILMS = ("clip.mp4", "park.mp4")
LABELS = "dog\nrain\ncar\n"


def heads() -> str:
    return ",".join(f"{name}={tower['head_count']}" for name, tower in tiny_senses.SIZES["towers"].items())


class Sandbox:
    """`build`: a build folder; `folder`: an empty one."""

    def __init__(self, root: pathlib.Path, build: pathlib.Path, folder: pathlib.Path):
        self.root, self.build, self.folder = root, build, folder
        self.fixtures = root / "tests" / "fixtures"
        self.program = build / "src" / "cli" / "pandagpt"
        self.trainer = build / "src" / "train" / "pandagpt-train"
        self.bin = folder / "bin"
        self.bin.mkdir()
        self._write_programs()
        self.models = folder / "models"
        self.models.mkdir()
        self.tiny = self.models / "imagebind-huge"
        self.tiny.mkdir()
        tiny_senses.make(self.program, self.tiny)
        (self.models / "pandagpt-13b").symlink_to(self.tiny)
        mini = root / "models" / "panda-mini"
        self.has_panda_mini = all((mini / name).is_file() for name in ("llm.gguf", "encoders.gguf"))
        (self.models / "panda-mini").symlink_to(mini if self.has_panda_mini else self.tiny)

    def _write_program(self, name: str, text: str) -> None:
        path = self.bin / name
        path.write_text("#!/usr/bin/env bash\n" + text)
        path.chmod(0o755)

    def _write_programs(self) -> None:
        program = shlex.quote(str(self.program))
        self._write_program("pandagpt", f"""case "$1 $2" in
  "convert imagebind") exec {program} "$@" --heads {heads()} ;;
  "convert delta") exec {program} "$@" --lora-alpha {PARITY_ALPHA} ;;
esac
exec {program} "$@"
""")
        self._write_program("python3", f'exec {shlex.quote(sys.executable)} "$@"\n')
        (self.bin / "python").symlink_to("python3")

    def room(self, document: pathlib.Path) -> "Room":
        return Room(self, self.folder / str(document).replace("/", "_"))


class Room:
    """A home for the commands of one document. What one leaves (files, variables, the folder it changed to) the next
    one finds."""

    def __init__(self, sandbox: Sandbox, home: pathlib.Path):
        self.sandbox, self.home = sandbox, home
        self.here = home / "project"  # where a reader's shell is
        self.here.mkdir(parents=True)
        self._variables, self._place = home / "variables", home / "place"
        self._variables.write_text("")
        self._place.write_text(str(self.here))
        self._link_project()
        self._write_folders()
        self.write_files(self.here)

    def _link_project(self) -> None:
        root = self.sandbox.root
        for name in ("bench", "docs", "examples", "scripts", "tests", "tools", "CMakeLists.txt", "CMakePresets.json"):
            (self.here / name).symlink_to(root / name)
        demo, here = root / ".cache" / "demo", self.here / ".cache" / "demo"
        here.parent.mkdir()
        if (demo / "chelsea.png").is_file():
            here.symlink_to(demo)
        else:
            here.mkdir()
            shutil.copy(self.sandbox.fixtures / "images" / "photo_chelsea.jpg", here / "chelsea.png")
        for part, name in (("cli", "pandagpt"), ("train", "pandagpt-train")):
            folder = self.here / "build" / "release" / "src" / part
            folder.mkdir(parents=True)
            program = self.sandbox.bin / name if name == "pandagpt" else self.sandbox.trainer
            (folder / name).symlink_to(program)

    def _write_folders(self) -> None:
        for folder in (self.home / "Pictures", self.here / "photos"):
            folder.mkdir()
            shutil.copy(self.sandbox.fixtures / "images" / "photo_chelsea.jpg", folder / "cat.jpg")
            shutil.copy(self.sandbox.root / "examples" / "data" / "siren.wav", folder)
        self._write_eval_set(self.here / "DATA" / "eval")

    def write_files(self, folder: pathlib.Path) -> None:
        """What a reader has at hand: media, lists and checkpoints."""
        photo = self.sandbox.fixtures / "images" / "photo_chelsea.jpg"
        data = self.sandbox.root / "examples" / "data"
        for names, file in ((PHOTOS, photo), (SOUNDS, data / "siren.wav"), (FILMS, data / "rolling_ball.avi")):
            for name in names:
                shutil.copy(file, folder / name)
        for name in ("names.txt", "labels.txt"):
            (folder / name).write_text(LABELS)
        shutil.copy(self.sandbox.fixtures / "logs" / "ros2_zstd.mcap", folder / "run.mcap")
        (folder / "letter.txt").write_text("Dear friend, the panda is well and eats bamboo all day.\n")
        (folder / "list.txt").write_text("photo.jpg\nbark.wav\n")
        (folder / "serve.yaml").write_text("max-body: 16\n")
        self._write_checkpoints(folder)

    def _write_eval_set(self, folder: pathlib.Path) -> None:
        folder.mkdir(parents=True)
        (folder / "sounds.jsonl").write_text(json.dumps({"audio": "../../bark.wav", "label": "siren"}) + "\n")
        task = {"name": "sounds", "pairs": "sounds.jsonl", "labels": ["siren", "dog"], "templates": ["the sound of a {}"]}
        (folder / "eval.json").write_text(json.dumps({"name": "docs_test", "zero_shot": [task]}))

    def _write_checkpoints(self, folder: pathlib.Path) -> None:
        fixtures = self.sandbox.fixtures
        shutil.copy(fixtures / "imagebind" / "tiny.pth", folder / "imagebind_huge.pth")
        shutil.copy(fixtures / "convert" / "imagebind_unofficial-0-py3-none-any.whl", folder)
        base = folder / "llama-7b-hf"
        base.mkdir(exist_ok=True)
        for name in ("config.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json"):
            shutil.copy(fixtures / "vicuna" / "base" / name, base)
        shutil.copy(fixtures / "panda_parity" / "base" / "pytorch_model.bin", base)
        shutil.copytree(fixtures / "vicuna" / "delta", folder / "vicuna-7b-delta-v0", dirs_exist_ok=True)
        panda = folder / "pandagpt_7b_max_len_1024"
        panda.mkdir(exist_ok=True)
        for place in (folder, panda):
            shutil.copy(fixtures / "panda_parity" / "pytorch_model.pt", place)

    def environment(self) -> dict[str, str]:
        return {**os.environ, "HOME": str(self.home), "PATH": f"{self.sandbox.bin}:{os.environ['PATH']}",
                "XDG_CACHE_HOME": str(self.sandbox.folder / "cache"), "PANDAGPT_MODELS": str(self.sandbox.models),
                "PYTHONPATH": str(self.sandbox.build / "python"),
                "PANDAGPT_LOG_FORMAT": "none", "SLURM_ARRAY_TASK_ID": "0"}

    def place(self) -> pathlib.Path:
        return pathlib.Path(self._place.read_text().strip())

    def run(self, text: str, typed: str = "", timeout: float = 120) -> subprocess.CompletedProcess:
        """`typed`: what the reader types while the command runs."""
        variables, place = shlex.quote(str(self._variables)), shlex.quote(str(self._place))
        script = (f"set -o pipefail; set -a; source {variables}; cd \"$(cat {place})\"\n{text}\n"
                  f"code=$?; pwd >{place}; declare -p id 2>/dev/null >{variables}; exit $code\n")
        return subprocess.run(["bash", "-c", script], env=self.environment(), input=typed, text=True,
                              capture_output=True, timeout=timeout)
