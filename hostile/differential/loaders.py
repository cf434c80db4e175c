"""A loader as a child process that is asked many things at once: all requests are written, then all answers are read."""

import contextlib
import json
import os
import select
import shlex
import signal
import subprocess
import time
from pathlib import Path

PIPE_BYTES = 65_536  # what a pipe holds: a batch that fits is written without waiting for the child
START_SECONDS = 60
SHOWN = 200


class DiedError(Exception):
    """The child ended, hung or wrote something that is no answer."""


class Loader:
    """Not to be shared between processes. `executions` counts loads, `cpu` the seconds of processor time that the children took."""

    def __init__(self, command: str, timeout: float) -> None:
        self.command = command
        self.timeout = timeout
        self.executions = 0
        self.ended_cpu = 0.0
        self.process: subprocess.Popen[bytes] | None = None
        self.name = self.start()

    def start(self) -> str:
        self.process = subprocess.Popen(
            shlex.split(self.command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, start_new_session=True
        )
        self.buffer = b""
        self.limit = START_SECONDS
        hello = self.ask([{"op": "hello", "protocol": 1}])[0]
        self.limit = self.timeout
        testee = hello.get("testee")
        if hello.get("ok") is not True or not isinstance(testee, dict):
            raise DiedError(f"{self.command}: hello was answered with {str(hello)[:SHOWN]}")
        return str(testee.get("language"))

    def ask(self, requests: list[dict[str, object]]) -> list[dict[str, object]]:
        """The answers, in order. Raises DiedError; the child is then gone and the next call starts another."""
        self.send(requests)
        return self.receive(len(requests))

    def send(self, requests: list[dict[str, object]]) -> None:
        """Writes what a pipe takes at once; `receive` writes the rest, piece by piece, so that neither side waits for the other."""
        if self.process is None:
            self.start()
        self.pieces: list[tuple[int, bytes]] = []
        for number, request in enumerate(requests):
            line = json.dumps({"id": number, **request}).encode() + b"\n"
            count, piece = self.pieces[-1] if self.pieces else (0, b"")
            if self.pieces and len(piece) + len(line) <= PIPE_BYTES:
                self.pieces[-1] = (count + 1, piece + line)
            else:
                self.pieces.append((1, line))
        self.write()

    def write(self) -> None:
        if not self.pieces:
            return
        try:
            self.process.stdin.write(self.pieces[0][1])
        except OSError:
            self.kill()
            raise DiedError("it closed its input") from None

    def receive(self, count: int) -> list[dict[str, object]]:
        answers = []
        for number in range(count):
            if self.pieces[0][0] == 0:
                self.pieces.pop(0)
                self.write()
            self.pieces[0] = (self.pieces[0][0] - 1, b"")
            answers.append(self.answer(number))
        return answers

    def answer(self, number: int) -> dict[str, object]:
        line = self.line()
        try:
            answer = json.loads(line)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict) or answer.get("id") != number:
            self.kill()
            raise DiedError(f"no answer to request {number}: {line[:SHOWN]!r}")
        return answer

    def line(self) -> bytes:
        until = time.monotonic() + self.limit
        while b"\n" not in self.buffer:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, until - time.monotonic()))
            if not ready:
                self.kill()
                raise DiedError(f"no answer in {self.limit:g} s")
            data = os.read(self.process.stdout.fileno(), PIPE_BYTES)
            if not data:
                status = self.kill()
                raise DiedError(f"it ended with status {status}")
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line

    def cpu(self) -> float:
        """Processor seconds so far, of this child and those before it (Linux; elsewhere 0)."""
        return self.ended_cpu + self.current_cpu()

    def current_cpu(self) -> float:
        with contextlib.suppress(OSError, AttributeError, IndexError):
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return 0.0

    def kill(self) -> int | None:
        """Ends the child and whatever it started; its exit status, where it had ended by itself."""
        self.ended_cpu += self.current_cpu()
        process, self.process = self.process, None
        if process is None:
            return None
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.2 if process.poll() is None else 0)
        status = process.poll()
        if status is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        process.stdin.close()
        process.stdout.close()
        return status
