"""Stands in for `vllm serve` and for the router: answers as they do, dies and hangs on request.

What it does at its next starts lies in $STANDIN/starts, a word a line: serve, crash, hang. POST /die ends it
and POST /hang silences it. Each start, and the process it leaves beside itself, are noted in
$STANDIN/started.jsonl.
"""

# ruff: noqa: T201

import http.server
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading

HOME = pathlib.Path(os.environ["STANDIN"])
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
silent = threading.Event()
METRICS = b"""# TYPE vllm:prefix_cache_queries_total counter
vllm:prefix_cache_queries_total{engine="0"} 1000.0
# TYPE vllm:prefix_cache_hits_total counter
vllm:prefix_cache_hits_total{engine="0"} 630.0
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0"} 3.0
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0"} 2.0
"""


class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if silent.is_set():
            threading.Event().wait(600)
        body = json.dumps({"data": [{"id": option("--served-model-name")}]}).encode()
        if self.path == "/metrics":
            body = METRICS
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        if self.path == "/die":
            print("RuntimeError: told to die", flush=True)
            os._exit(3)
        silent.set()
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args):
        pass


def option(name):
    for place, word in enumerate(sys.argv):
        if word == name:
            return sys.argv[place + 1]
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
    return ""


def next_start():
    path = HOME / "starts"
    words = path.read_text().split() if path.exists() else []
    path.write_text("\n".join(words[1:]))
    return words[0] if words else "serve"


def main():
    beside = subprocess.Popen([sys.executable, "-c", STUBBORN], start_new_session=True)
    note = {"pids": [os.getpid(), beside.pid], "argv": sys.argv, "environment": dict(os.environ)}
    with (HOME / "started.jsonl").open("a") as notes:
        notes.write(json.dumps(note) + "\n")
    start = next_start()
    if start == "crash":
        print("(EngineCore pid=7) ValueError: No available memory for the cache blocks. Try more.")
        print("(APIServer pid=6) RuntimeError: Engine core initialization failed. See root cause above.")
        sys.exit(1)
    if start == "hang":
        threading.Event().wait(600)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    http.server.ThreadingHTTPServer((option("--host"), int(option("--port"))), Answers).serve_forever()


main()
