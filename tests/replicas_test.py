"""Several `pandagpt serve` as one service: uploads that they share, what a killed one leaves behind,
and nginx in front of them as in packaging/nginx.conf.

    python replicas_test.py PANDAGPT MODEL SOURCE_TREE [NGINX]

Only Python's own library. Without NGINX that part is left out.
"""

import contextlib
import hashlib
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

import serve_process

KEY = "secret-of-the-test"
OTHER_KEY = "secret-of-another"
CAP_MB = 1


class Client:
    """Requests to one address."""

    def __init__(self, url, key=KEY):
        self.parts = urllib.parse.urlsplit(url)
        self.headers = {"X-Api-Key": key}

    def send(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection(self.parts.hostname, self.parts.port, timeout=60)
        connection.request(method, path, body, {**self.headers, **(headers or {})})
        return connection, connection.getresponse()

    def call(self, method, path, body=None, headers=None):
        """Status and JSON, or bytes where it is none."""
        connection, response = self.send(method, path, body, headers)
        with contextlib.closing(connection):
            content = response.read()
            is_json = response.getheader("Content-Type", "").startswith("application/json")
            return response.status, json.loads(content) if is_json else content

    def upload(self, content, name="x.bin"):
        form = (f'--b\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode() +
                content + b"\r\n--b--\r\n")
        return self.call("POST", "/v1/files", form, {"Content-Type": "multipart/form-data; boundary=b"})

    def chat(self, content, headers=None, **more):
        body = {"messages": [{"role": "user", "content": content}], "max_tokens": 4, **more}
        return self.call("POST", "/v1/chat/completions", json.dumps(body), headers)


def name_of(content):
    return hashlib.sha256(content).hexdigest()


def check_consistent(*clients):
    """What is listed can be had everywhere, is what its name says (upload_all), and fits."""
    status, listed = clients[0].call("GET", "/v1/files")
    assert status == 200, listed
    assert sum(file["bytes"] for file in listed["data"]) <= CAP_MB << 20
    for client in clients:
        for file in listed["data"]:
            status, content = client.call("GET", f"/v1/files/{file['id']}/content")
            assert status == 200 and name_of(content) == file["filename"], (status, file)
    ids = [file["id"] for file in listed["data"]]
    assert len(set(ids)) == len(ids), "two files have one id"


def check_sharing(one, other, photo):
    status, file = one.upload(photo, "photo.jpg")
    assert status == 200 and re.fullmatch("file-[0-9a-f]{32}", file["id"]), file
    question = [{"type": "image_url", "image_url": {"file_id": file["id"]}},
                {"type": "text", "text": "What is it?"}]
    status, answer = other.chat(question)
    assert status == 200 and answer["timings"]["inputs_n"] == 1, answer
    assert other.call("DELETE", f"/v1/files/{file['id']}")[0] == 200
    assert one.chat(question)[0] == 404
    # Who has another key has other files, whichever replica is asked.
    status, file = one.upload(photo, "photo.jpg")
    stranger = Client(urllib.parse.urlunsplit(other.parts), key=OTHER_KEY)
    assert stranger.call("GET", "/v1/files")[1]["data"] == []
    for method, path in (("GET", ""), ("GET", "/content"), ("DELETE", "")):
        assert stranger.call(method, f"/v1/files/{file['id']}{path}")[0] == 404
    question[0]["image_url"]["file_id"] = file["id"]
    assert stranger.chat(question)[0] == 404 and other.chat(question)[0] == 200
    assert other.call("DELETE", f"/v1/files/{file['id']}")[0] == 200


def upload_all(clients, contents):
    """Each content through one of the clients, several at once; returns the statuses."""
    statuses = []

    def run(number):
        for i in range(number, len(contents), 4):
            with contextlib.suppress(OSError, http.client.HTTPException):  # of a server that is killed
                client, content = clients[i % len(clients)], contents[i]
                statuses.append(client.upload(content, name_of(content))[0])

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses


def contents_of(seed, n=40, size=60_000):
    """Far more than the store has room for, and some twice."""
    return [hashlib.sha256(f"{seed} {i % (n - 5)}".encode()).digest() * (size // 32) for i in range(n)]


def check_killed(start_one, survivor):
    """A server that is killed in the middle of uploads leaves a store that others go on with."""
    process, url = start_one()
    timer = threading.Timer(0.15, process.send_signal, (signal.SIGKILL,))
    timer.start()
    upload_all([Client(url), survivor], contents_of("killed", 80))
    timer.join()
    process.wait()
    assert set(upload_all([survivor], contents_of("after", 10))) == {200}
    check_consistent(survivor)


def check_configuration(one, url):
    """Key from a file, /slots off by a variable, /metrics on by the command line."""
    assert Client(url, key="wrong").call("GET", "/v1/models")[0] == 401
    assert one.call("GET", "/slots")[0] == 501
    assert one.call("GET", "/metrics")[0] == 200
    assert one.call("GET", "/v1/models")[1]["data"][0]["id"] == "from-the-file"


# ---- nginx ----


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextlib.contextmanager
def proxy(nginx, source, replicas, folder):
    """nginx with the project's configuration, at a free port, in front of these."""
    port = free_port()
    text = (source / "packaging/nginx.conf").read_text()
    for example, url in zip(("127.0.0.1:8081", "127.0.0.1:8082"), replicas):
        assert text.count(f"server {example} ") == 2
        text = text.replace(f"server {example} ", f"server {urllib.parse.urlsplit(url).netloc} ")
    text = text.replace("listen 8000;", f"listen 127.0.0.1:{port};")
    text = text.replace("pid /run/nginx.pid;", f"pid {folder}/nginx.pid;")
    text = text.replace("/dev/stdout", f"{folder}/access.log")
    temporary = "".join(f"  {name}_temp_path {folder}/{name};\n"
                        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    text = text.replace("http {\n", "http {\n" + temporary)
    if os.geteuid() == 0:
        text = "user root;\n" + text
    config = folder / "nginx.conf"
    config.write_text(text)
    subprocess.run([nginx, "-t", "-q", "-c", config], check=True)
    process = subprocess.Popen([nginx, "-c", config, "-g", "daemon off;"])
    try:
        for _ in range(500):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.01)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)


def in_flight(clients):
    texts = [client.call("GET", "/metrics")[1].decode() for client in clients]
    return sum(int(re.search(r"^pandagpt_answers_in_flight (\d+)", text, re.M)[1]) for text in texts)


LONG = {"stream": True, "max_tokens": 400, "temperature": 3, "top_p": 1, "seed": 1}


def first_text_came_early(front, replicas, body):
    """One streamed answer; whether its first text came while it was still being written."""
    connection, response = front.send("POST", "/v1/chat/completions", body)
    with contextlib.closing(connection):
        assert response.status == 200, response.read()
        while b'content":"' not in (line := response.readline()):
            assert line, "the stream ended without any text"
        early = in_flight(replicas) > 0
        assert response.read().endswith(b"data: [DONE]\n\n")
    return early


def check_streams(front, replicas):
    # A drawn answer may be short, and then it is over before anybody can look: one of them is seen.
    bodies = [json.dumps({"messages": [{"role": "user", "content": "x"}], **LONG, "seed": seed})
              for seed in range(1, 21)]
    assert any(first_text_came_early(front, replicas, body) for body in bodies), \
        "the first event came with the last one"
    body = bodies[0]
    # Gone clients are gone behind the proxy too.
    connection, response = front.send("POST", "/v1/chat/completions", body)
    response.readline()
    connection.close()
    end = time.monotonic() + 20
    while in_flight(replicas) > 0:
        assert time.monotonic() < end, "a client that has gone still has answers"
        time.sleep(0.01)


def check_sticky(front):
    for number in range(6):
        name = {"X-Conversation-Id": f"conversation-{number}", "X-Request-Id": f"trace-{number}"}
        question = f"A question of its own: {number} " * 3
        assert front.chat(question, name)[0] == 200
        status, again = front.chat(question, name)
        usage = again["usage"]
        assert usage["prompt_tokens_details"]["cached_tokens"] == usage["prompt_tokens"] - 1, \
            f"conversation {number} went to another replica"
    connection, response = front.send("GET", "/health", headers={"X-Request-Id": "trace-7"})
    with contextlib.closing(connection):
        assert response.getheader("X-Request-Id") == "trace-7"


def check_busy(front, replicas):
    """When the conversation's own replica is full, the other one answers."""
    results = []

    def run():
        results.append(front.chat("x", {"X-Conversation-Id": "busy"}, **{**LONG, "stream": False})[0])

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # One slot and no queue each: two are answered at once, those beyond may be refused.
    assert results.count(200) >= 2 and set(results) <= {200, 503}, results
    counts = [client.call("GET", "/metrics")[1].decode().count(
        'requests_total{route="/v1/chat/completions",status="200"}') for client in replicas]
    assert all(counts), counts


def check_proxy(front, replicas, photo):
    check_streams(front, replicas)
    check_sticky(front)
    check_busy(front, replicas)
    assert front.call("GET", "/metrics")[0] == 404
    # A body larger than what nginx keeps in memory, and a file that either replica knows.
    large = bytes(900_000)
    status, file = front.upload(large)
    assert status == 200 and file["bytes"] == len(large), file
    status, file = front.upload(photo, "photo.jpg")
    for number in range(4):
        question = [{"type": "image_url", "image_url": {"file_id": file["id"]}},
                    {"type": "text", "text": "?"}]
        assert front.chat(question, {"X-Conversation-Id": f"photo-{number}"})[0] == 200


def main(program, model, source, nginx=None):
    source = pathlib.Path(source)
    photo = (source / "tests/fixtures/images/exif1_jpg.jpg").read_bytes()
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = pathlib.Path(name)
        (folder / "keys").write_text(f"# of this test\n{KEY}\n{OTHER_KEY}\n")
        (folder / "serve.yaml").write_text(
            f"alias: from-the-file\nno-metrics: true\nmax-files: {CAP_MB}\nparallel: 1\nqueue: 7\n"
            f"api-key-file: {folder / 'keys'}\nfiles-dir: {folder / 'files'}\n")
        options = ["--model", model, "--threads", "1", "--config", str(folder / "serve.yaml"),
                   "--no-metrics=false"]
        variables = {"PANDAGPT_NO_SLOTS": "1", "PANDAGPT_ALIAS": "", "PANDAGPT_QUEUE": "0"}

        def replica():
            return stack.enter_context(serve_process.server(program, *options, environment=variables))

        def start_one():
            process = subprocess.Popen(
                [program, "serve", "--port", "0", "--log-format", "none", *options], text=True,
                env={**os.environ, "XDG_CACHE_HOME": name}, stdout=subprocess.PIPE)
            return process, process.stdout.readline().strip()

        urls = [replica(), replica()]
        one, other = (Client(url) for url in urls)
        check_configuration(one, urls[0])
        check_sharing(one, other, photo)
        assert set(upload_all([one, other], contents_of("both"))) == {200}
        check_consistent(one, other)
        check_killed(start_one, one)
        print("replicas share their uploads")
        if nginx:
            front = Client(stack.enter_context(proxy(nginx, source, urls, folder)))
            check_proxy(front, [one, other], photo)
            print("nginx passes streams on as they come, keeps conversations, and goes around the busy")


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    main(*sys.argv[1:])
