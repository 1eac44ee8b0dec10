#!/usr/bin/env python3
"""docs/openapi.yaml against the running server: the same routes, and schemathesis finds nothing.
Usage: openapi_test.py PANDAGPT MODEL SOURCE_DIR [EXAMPLES]"""

import pathlib
import re
import subprocess
import sys
import tempfile

import yaml

import serve_process


def check_routes(source_dir, document):
    """Every route of the server is in the document, and nothing else."""
    text = (source_dir / "src/server/api_server.cpp").read_text()
    table = text[text.index("routes() {"):]
    table = table[:table.index("return all;")]
    routes = set(re.findall(r'\{"(/[^"]*)", \{\{', table))
    routes |= set(re.findall(r'Target\{"(/[^"]*\{[^"]*)"', text))
    described = set(document["paths"])
    assert routes == described, f"only in one of the two: {sorted(routes ^ described)}"


def main():
    program, model, source_dir = sys.argv[1], pathlib.Path(sys.argv[2]).resolve(), pathlib.Path(sys.argv[3]).resolve()
    examples = sys.argv[4] if len(sys.argv) > 4 else "5"
    path = source_dir / "docs/openapi.yaml"
    check_routes(source_dir, yaml.safe_load(path.read_text()))
    tool = pathlib.Path(sys.executable).parent / "schemathesis"
    with tempfile.TemporaryDirectory() as folder, serve_process.server(
            program, "--model", str(model), "--threads", "1", "--files-dir", folder + "/files",
            "--max-answer-tokens", "4") as address:
        subprocess.run(
            [tool, "run", path, "--url", address, "--max-examples", examples, "--seed", "1",
             "--checks", "not_a_server_error,status_code_conformance,content_type_conformance,"
             "response_schema_conformance,response_headers_conformance,unsupported_method",
             "--phases", "examples,coverage,fuzzing", "--request-timeout", "30", "--no-color"],
            check=True, cwd=folder)
    print("the server answers as docs/openapi.yaml says")


if __name__ == "__main__":
    main()
