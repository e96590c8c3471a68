"""A witness as a process of its own, and as a thread, for tests that speak to one over HTTP."""

import http.client
import json
import signal
import subprocess
import sys
import threading

from ledger.note import ED25519_COSIGNATURE, SigningKey
from ledger.witness import Witness
from ledger.witness_server import WitnessServer

KEY = SigningKey("witness.example/w1", bytes(range(32, 64)), ED25519_COSIGNATURE)


class WitnessProcess:
    """`python -m ledger witness` in `folder`, whose state it begins if there is none; ended with `end`."""

    def __init__(self, folder, *logs, key=KEY, prelude="", listen="127.0.0.1:0"):
        """`logs` are verifier keys; `prelude` is Python that runs first, for breaking something on purpose."""
        folder.mkdir(exist_ok=True)
        self.key_file, self.state = folder / "key", folder / "state"
        self.arguments = ["witness", "--key", str(self.key_file), "--state", str(self.state), "--listen", listen]
        for log in logs:
            self.arguments += ["--log", log.format()]
        if not self.key_file.exists():
            self.key_file.write_text(key.format())
            subprocess.run([sys.executable, "-m", "ledger", *self.arguments, "--new"], check=True, capture_output=True)
        code = f"{prelude}\nimport sys\nfrom ledger.__main__ import main\nsys.exit(main({self.arguments!r}))"
        self.process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
        self.first = self.process.stderr.readline()
        told = json.loads(self.first) if self.first.startswith("{") else {}
        self.port = int(told["address"].rpartition(":")[2]) if "address" in told else 0

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def ask(self, body, path="/add-checkpoint", method="POST", **headers):
        return ask(self.port, body, path, method, **headers)

    def end(self, number=signal.SIGTERM):
        """Send a signal; return the exit code and what was reported since the first line."""
        self.process.send_signal(number)
        return self.result()

    def result(self):
        errors = self.process.communicate(timeout=90)[1]
        return self.process.returncode, errors


class WitnessThread:
    """A witness in this process: `answer` may stand in for it, as a function of (witness, body)."""

    def __init__(self, logs, memory, key=KEY, port=0, **parts):
        self.witness = Witness(key, {log.name: [log] for log in logs}, memory, **parts)
        self.server = WitnessServer(("127.0.0.1", port), self.witness)
        self.port = self.server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def ask(port, body, path="/add-checkpoint", method="POST", **headers):
    """Return (status, content type, body) of one request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=90)
    try:
        connection.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.headers["Content-Type"], answer.read().decode()
    finally:
        connection.close()
