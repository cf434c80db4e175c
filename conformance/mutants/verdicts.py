"""What the suite said of each mutant: a log that is only added to, so that a run that was killed goes on where it stopped."""

import json
import threading
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

KILLED, SURVIVED, UNVIABLE = "killed", "survived", "unviable"
#: In place of a case: the testee of the mutant does not say hello.
START = "start"


@dataclass(frozen=True)
class Verdict:
    key: str  # of the mutant
    result: str  # KILLED, SURVIVED or UNVIABLE
    killer: str = ""  # the first case that failed, or START
    hang: bool = False  # it failed because no answer came
    suite: str = ""  # digest of the manifest
    seconds: float = 0.0
    whole: bool = True  # who survived was tried with the slow cases too


class Log:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.lock = threading.Lock()
        self.latest: dict[str, Verdict] = {}
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        whole = [line for line in lines if line.endswith("}")]  # a run that was killed may have cut the last
        if whole != lines:
            path.write_text("".join(f"{line}\n" for line in whole), encoding="utf-8")
        for line in whole:
            verdict = Verdict(**json.loads(line))
            self.latest[verdict.key] = verdict

    def add(self, verdict: Verdict) -> None:
        with self.lock, self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(verdict)) + "\n")
            self.latest[verdict.key] = verdict

    def valid(self, key: str, suite: str, ids: frozenset[str], read: bool) -> Verdict | None:
        """The verdict that still holds: a killer is still a case; who survived has survived this very suite, or was `read`."""
        verdict = self.latest.get(key)
        if verdict is None or (verdict.result == SURVIVED and verdict.suite != suite and not read):
            return None
        return None if verdict.result == KILLED and verdict.killer not in {*ids, START} else verdict

    def killers(self) -> Counter[str]:
        with self.lock:
            return Counter(verdict.killer for verdict in self.latest.values() if verdict.result == KILLED)
