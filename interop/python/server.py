"""Starts and stops the server under test (CONTRACT.md, section 1)."""

import os
import re
import shlex
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMMAND = os.environ.get("SERVER_CMD") or "node reference/server.mjs"


class Server:
    """A server process: `Server(ping_interval=100)` is started with `--ping-interval 100`."""

    def __init__(self, **options):
        options = {"port": 0, "watch_stdin": "true"} | options
        arguments = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]
        command = shlex.split(COMMAND)
        if "{args}" in command:
            place = command.index("{args}")
            command[place : place + 1] = arguments
        else:
            command += arguments
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        first = self.process.stdout.readline()
        found = re.fullmatch(r"listening on (http://127\.0\.0\.1:(\d+))\n", first)
        if not found:
            self.stop()
            raise RuntimeError(f"`{COMMAND}` did not start: {first!r}")
        self.url, self.port = found[1], int(found[2])

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
