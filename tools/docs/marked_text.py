"""Parts of a document that a script writes: what stands between two comments."""
from pathlib import Path


def replace_part(path: Path, name: str, writer: str, lines: list[str]) -> None:
    """Between `<!-- NAME: tools/docs/WRITER -->` and `<!-- end of NAME -->`."""
    begin, end = f"<!-- {name}: tools/docs/{writer} -->\n", f"<!-- end of {name} -->\n"
    before, rest = path.read_text(encoding="utf-8").split(begin)
    after = rest.split(end)[1]
    path.write_text("".join([before, begin, "\n", *lines, "\n", end, after]), encoding="utf-8")
