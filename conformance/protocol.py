"""A testee as a child process: one JSON line each way, limits on time and memory, a restart after a crash or a hang."""

import contextlib
import json
import os
import queue
import select
import shlex
import signal
import subprocess
import threading
import time
from pathlib import Path

from .answers import MAX_LINE, hello_fault, parse, shown

SAMPLE_SECONDS = 0.2  # how often memory is looked at while an answer is awaited
MAX_WAITING = 4  # lines read ahead: a testee that floods its output is held up by its own pipe


class TesteeError(Exception):
    """The child crashed, hung, or answered with something that is no answer."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind


class Testee:
    def __init__(self, command: str, timeout: float, max_memory: int = 0) -> None:
        self.command = command
        self.timeout = timeout
        self.max_memory = max_memory  # MiB; 0: no ceiling
        self.peak = 0  # KiB, the largest resident size seen
        self.name = command
        self.hello: dict[str, object] = {}
        self.starts = 0
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> dict[str, object]:
        """Start the child and say hello. Called again after a failure."""
        try:
            words = shlex.split(self.command) or [""]
            self.process = subprocess.Popen(
                words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
            )
        except (OSError, ValueError) as error:  # ValueError: a quotation that does not end
            raise TesteeError("start", str(error)) from None
        self.starts += 1
        self.next_id = 0
        self.lines: queue.Queue[bytes | None] = queue.Queue(MAX_WAITING)
        self.over = threading.Event()
        threading.Thread(target=read_lines, args=(self.process.stdout, self.lines, self.over), daemon=True).start()
        answer = self.ask(op="hello", protocol=1)
        fault = hello_fault(answer)
        if fault:
            raise self.failed("protocol", fault)
        testee = answer["testee"]
        self.hello = answer
        self.name = f"{testee['name']} {testee['version']} ({testee['language']})"
        return answer

    def ask(self, **request: object) -> dict[str, object]:
        if self.process is None:
            self.start()
        number, self.next_id = self.next_id, self.next_id + 1
        self.send(json.dumps({"id": number, **request}).encode() + b"\n")
        answer = self.read()
        if type(answer.get("id")) is not int or answer["id"] != number:
            raise self.failed("protocol", f"answer {shown(answer)} to request {number}")
        return answer

    def send(self, line: bytes) -> None:
        """A testee answers what it was asked, so nothing may be there before the request."""
        with contextlib.suppress(queue.Empty):
            early = self.lines.get_nowait()
            if early is not None:
                raise self.failed("protocol", f"a line without a request: {early[:80]!r}")
            raise self.ended()
        if not select.select([], [self.process.stdin], [], self.timeout)[1]:
            raise self.failed("hang", f"it has not read its input for {self.timeout:g} s")
        try:
            self.process.stdin.write(line)
            self.process.stdin.flush()
        except OSError:
            raise self.failed("crash", "it closed its input") from None

    def read(self) -> dict[str, object]:
        line = self.line()
        if line is None:
            raise self.ended()
        try:
            return parse(line)
        except ValueError as fault:
            raise self.failed("protocol", str(fault)) from None

    def ended(self) -> TesteeError:
        """Its output has ended, and so should it have."""
        try:
            code = self.process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            return self.failed("crash", "it closed its output")
        return self.failed("crash", f"it ended with status {code}")

    def line(self) -> bytes | None:
        """The next line. Memory is sampled while waiting: a runaway allocation is stopped before it takes the machine."""
        until = time.monotonic() + self.timeout
        while True:
            try:
                return self.lines.get(timeout=max(0, min(SAMPLE_SECONDS, until - time.monotonic())))
            except queue.Empty:
                self.check_memory()
                if time.monotonic() >= until:
                    raise self.failed("hang", f"no answer in {self.timeout:g} s") from None

    def check_memory(self) -> None:
        """Resident size, not address space: node and go reserve address space by the gigabyte and never touch it."""
        if self.process is None:
            return
        now = max(map(peak_of, tree(self.process.pid)), default=0)
        self.peak = max(self.peak, now)
        if self.max_memory and now > self.max_memory * 1024:
            raise self.failed("memory", f"{now // 1024} MiB resident, {self.max_memory} are allowed")

    def failed(self, kind: str, detail: str) -> TesteeError:
        self.kill()
        return TesteeError(kind, detail)

    def kill(self) -> None:
        """End the child and what it started (its own process group); the next request starts a new one."""
        process, self.process = self.process, None
        if process is None:
            return
        self.over.set()
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        with contextlib.suppress(OSError):  # what was not sent
            process.stdin.close()

    def shutdown(self) -> int | None:
        """Ask the child to end, without closing its input; its exit status, or None when it had to be killed."""
        with contextlib.suppress(OSError):
            self.process.stdin.write(json.dumps({"id": self.next_id, "op": "shutdown"}).encode() + b"\n")
            self.process.stdin.flush()
        try:
            status: int | None = self.process.wait(timeout=min(self.timeout, 5))
        except subprocess.TimeoutExpired:
            status = None
        self.kill()
        return status


def tree(pid: int) -> list[int]:
    """A process and its descendants, since a testee may be started by a wrapper."""
    found = [pid]
    for parent in found:
        with contextlib.suppress(OSError):
            found += map(int, Path(f"/proc/{parent}/task/{parent}/children").read_text().split())
    return found


def peak_of(pid: int) -> int:
    """The largest resident size so far in KiB; 0 where the system has no /proc."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0


def read_lines(stream: object, lines: "queue.Queue[bytes | None]", over: threading.Event) -> None:
    """Runs in a thread: a blocking read cannot hold up the time limit. A line that is too long is cut, not collected."""
    with contextlib.suppress(OSError, ValueError), stream:
        while not over.is_set():
            line = stream.readline(MAX_LINE + 3) or None  # a line feed, a carriage return, and one byte too many
            while not over.is_set():
                with contextlib.suppress(queue.Full):
                    lines.put(line, timeout=SAMPLE_SECONDS)
                    break
            if line is None:
                return
