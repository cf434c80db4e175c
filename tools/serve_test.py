"""A load test of `plmhead serve` on the loopback: python -m tools.serve_test [--bundle FOLDER]. Exit 0 only when nothing was lost or wrong.

Every answer is compared with what `plmhead predict --batch-size 1` says of the same sequences, bit for bit.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

REPOSITORY = Path(__file__).resolve().parents[1]
PROGRAM = REPOSITORY / "rust-loader/target/encode/release/plmhead"
RESIDUES = "ACDEFGHIKLMNPQRSTVWY"
#: What of a result must be equal.
SAME = ("label", "decision_bits", "probability_bits")

Answer = tuple[Any, ...]


class Service(NamedTuple):
    process: subprocess.Popen[str]
    port: int
    log: Path


@contextlib.contextmanager
def running(bundle: Path, *options: str, program: Path = PROGRAM) -> Iterator[Service]:
    """A service on a free port of the loopback, ended with the block. Raises RuntimeError where it does not start."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        command = [str(program), "serve", str(bundle), "--listen", "127.0.0.1:0", *options]
        with (
            log.open("w") as errors,
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
        ):
            try:
                assert process.stdout
                line = process.stdout.readline()
                if not line:
                    raise RuntimeError(f"plmhead serve ended with exit code {process.wait()}: {log.read_text()}")
                yield Service(process, json.loads(line)["port"], log)
            finally:
                process.terminate()
                try:
                    process.wait(timeout=60)
                except subprocess.TimeoutExpired:
                    process.kill()


def tiny(folder: Path) -> Path:
    """The bundle of the conformance cases."""
    shutil.copytree(REPOSITORY / "conformance/bundle/tiny", folder)
    shutil.copy(REPOSITORY / "python/plmhead/encoders/random-esm2-tiny.onnx", folder)
    return folder


def pool(count: int, most: int = 140) -> list[str]:
    """Sequences of 20 to `most` residues, the same in every run."""
    chance = random.Random(9)
    return ["".join(chance.choices(RESIDUES, k=chance.randint(20, most))) for _ in range(count)]


def predict(program: Path, bundle: Path, sequences: Sequence[str], *options: str) -> list[Answer]:
    """What the command line says of each."""
    table = "".join(f">{row}\n{sequence}\n" for row, sequence in enumerate(sequences))
    command = [str(program), "predict", str(bundle), "-", *options]
    done = subprocess.run(command, input=table, capture_output=True, text=True, check=True)
    return [answer_of(json.loads(line)) for line in done.stdout.splitlines()]


def answer_of(result: dict[str, Any]) -> Answer:
    return tuple(result.get(name) for name in SAME)


def body(sequences: Sequence[str], form: int) -> tuple[bytes, str]:
    """A request's body and content type, in one of three forms."""
    if form == 0:
        return json.dumps({"sequences": list(sequences)}).encode(), "application/json"
    if form == 1:
        return "".join(f">{row}\n{text}\n" for row, text in enumerate(sequences)).encode(), "text/x-fasta"
    return ("id,sequence\n" + "".join(f"{row},{text}\n" for row, text in enumerate(sequences))).encode(), "text/csv"


def ask(
    connection: http.client.HTTPConnection,
    sequences: Sequence[str],
    form: int,
    sent: Callable[[], object] = lambda: None,
) -> list[Answer]:
    """Calls `sent` once the request is written. Raises OSError, HTTPException or ValueError where there is no good answer."""
    data, kind = body(sequences, form)
    try:
        connection.request("POST", "/v1/predict", data, {"content-type": kind})
    finally:
        sent()
    response = connection.getresponse()
    text = response.read()
    if response.status != 200:
        raise ValueError(f"{response.status}: {text[:200]!r}")
    return [answer_of(result) for result in json.loads(text)["results"]]


@dataclass
class Tally:
    requests: int = 0
    sequences: int = 0
    lost: int = 0
    wrong: int = 0
    seconds: float = 0.0
    #: What was said of the first that was lost.
    complaint: str = ""

    def add(self, asked: Sequence[str], known: dict[str, Answer], found: list[Answer] | Exception) -> None:
        self.requests += 1
        self.sequences += len(asked)
        if isinstance(found, Exception):
            self.lost += 1
            self.complaint = self.complaint or f"; lost: {found!r}"
        else:
            self.wrong += found != [known[text] for text in asked]

    def good(self) -> bool:
        return not (self.lost or self.wrong) and self.requests > 0


def in_threads(count: int, work: Callable[[int], None]) -> None:
    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def load(port: int, known: dict[str, Answer], clients: int, requests: int) -> Tally:
    """Clients that ask one request after the other, each over one connection, 1 to 6 sequences at a time, in all forms."""
    tally, lock, texts = Tally(), threading.Lock(), list(known)

    def client(number: int) -> None:
        chance = random.Random(number)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        for request in range(number, requests, clients):
            asked = chance.choices(texts, k=chance.randint(1, 6))
            try:
                found: list[Answer] | Exception = ask(connection, asked, request % 3)
            except (OSError, http.client.HTTPException, ValueError) as error:
                found = error
            with lock:
                tally.add(asked, known, found)
        connection.close()

    start = time.monotonic()
    in_threads(clients, client)
    tally.seconds = time.monotonic() - start
    return tally


@contextlib.contextmanager
def slow_clients(port: int, count: int) -> Iterator[None]:
    """Connections that send a byte now and then: half of them of a head, half of a body."""
    over = threading.Event()
    head = b"POST /v1/predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 9999\r\n"

    def drip(number: int) -> None:
        while not over.is_set():
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
                connection.sendall(head + b"\r\n" if number % 2 else head)
                while not over.wait(0.2):
                    connection.sendall(b"a")

    threads = [threading.Thread(target=drip, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def stop_in_flight(service: Service, known: dict[str, Answer], clients: int, each: int) -> tuple[Tally, int]:
    """SIGTERM when every client has sent a request and has no answer yet; how many had none is the second value."""
    tally, lock, sent = Tally(), threading.Lock(), threading.Semaphore(0)
    texts = list(known)

    def client(number: int) -> None:
        asked = [texts[(number + 17 * index) % len(texts)] for index in range(each)]
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=120)
        try:
            found: list[Answer] | Exception = ask(connection, asked, number % 3, sent.release)
        except (OSError, http.client.HTTPException, ValueError) as error:
            found = error
        connection.close()
        with lock:
            tally.add(asked, known, found)

    everyone = threading.Thread(target=in_threads, args=(clients, client))
    everyone.start()
    for _ in range(clients):
        sent.acquire()
    with lock:
        in_flight = clients - tally.requests
        service.process.send_signal(signal.SIGTERM)
    everyone.join()
    service.process.wait(timeout=60)
    return tally, in_flight


def refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


def rate_of_predict(program: Path, bundle: Path, sequences: Sequence[str]) -> float:
    """Sequences a second of the command line, its start not counted."""
    times = []
    for count in (1, len(sequences)):
        start = time.monotonic()
        predict(program, bundle, sequences[:count])
        times.append(time.monotonic() - start)
    return (len(sequences) - 1) / max(times[1] - times[0], 1e-6)


def main() -> int:
    parser = argparse.ArgumentParser(description="load test of plmhead serve on the loopback")
    parser.add_argument("--bundle", type=Path, help="a bundle's folder; default: the tiny one of the conformance cases")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--requests", type=int, default=4000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bundle = options.bundle or tiny(Path(folder) / "bundle")
        texts = pool(256)
        known = dict(zip(texts, predict(PROGRAM, bundle, texts, "--batch-size", "1"), strict=True))
        with running(bundle) as service:
            with slow_clients(service.port, 8):
                tally = load(service.port, known, options.clients, options.requests)
            print(
                f"serve: {options.clients} clients, {tally.requests} requests, {tally.lost} lost, {tally.wrong} wrong"
                f"; 8 slow clients beside them{tally.complaint}",
                flush=True,
            )
            rate = tally.sequences / tally.seconds
            each = max(1, min(200, round(2 * rate / options.clients)))
            stopped, in_flight = stop_in_flight(service, known, options.clients, each)
            code, refused = service.process.returncode, refuses(service.port)
        print(
            f"serve: SIGTERM with {in_flight} requests in flight, {stopped.lost} lost, {stopped.wrong} wrong, "
            f"then connections {'refused' if refused else 'taken'}, exit code {code}{stopped.complaint}"
        )
        ratio = rate / rate_of_predict(PROGRAM, bundle, texts * 4)
        print(f"serve: {rate:.0f} sequences/s over HTTP, {ratio:.2f} of plmhead predict in the same run")
    good = tally.good() and stopped.good() and in_flight > 0 and refused and code == 0
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
