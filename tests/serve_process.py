"""A `pandagpt serve` of a test's own."""

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request


def get(url, key=None):
    """Status and JSON of a GET."""
    request = urllib.request.Request(url, headers={"X-Api-Key": key} if key else {})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def text(url):
    """The text of a GET that succeeds."""
    with urllib.request.urlopen(url, timeout=60) as response:
        return response.read().decode()


@contextlib.contextmanager
def server(program, *arguments, timeout=120, environment=None, folder=None):
    """Starts it on a free port (in `folder`), waits until it is ready, and gives its address; it must end by SIGTERM
    with exit code 0."""
    with tempfile.TemporaryDirectory() as cache:
        variables = {**os.environ, "XDG_CACHE_HOME": cache, "PANDAGPT_LOG_FORMAT": "none",
                     **(environment or {})}
        process = subprocess.Popen([program, "serve", "--port", "0", *arguments], env=variables, cwd=folder,
                                   stdout=subprocess.PIPE, text=True)
        try:
            address = process.stdout.readline().strip()
            if not address.startswith("http"):
                raise RuntimeError(f"the server ended with code {process.wait()}")
            end = time.monotonic() + timeout
            while get(address + "/health")[0] != 200:
                if time.monotonic() > end:
                    raise RuntimeError("the server never became ready")
                time.sleep(0.02)
            yield address
        finally:
            process.send_signal(signal.SIGTERM)
            code = process.wait(timeout=60)
        if code != 0:
            raise RuntimeError(f"the server ended with code {code}")
