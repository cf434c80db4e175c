"""The `plmhead` command (docs/command-line.md): its exit codes. The verbs and their options are in commands/."""

from __future__ import annotations

import io
import os
import sys

from .commands.parser import make_parser
from .commands.terminal import lines
from .errors import FormatError, InputError

#: What a shell says of a process that Ctrl-C ended.
INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; the exit code, as docs/command-line.md lists them."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # JSON is UTF-8, whatever the locale says
    options = make_parser().parse(sys.argv[1:] if arguments is None else arguments)
    try:
        code = int(options.run(options) or 0)
        sys.stdout.flush()
        return code
    except (FormatError, InputError) as fault:
        _complain(str(fault))
        return 2 if fault.code == "ARGUMENT" else 1
    except (UnicodeEncodeError, OSError) as fault:
        if isinstance(fault, BrokenPipeError):
            # The reader went away (| head): point stdout elsewhere so that the interpreter's last flush is silent.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        _complain(f"OUTPUT: cannot write the output: {fault}")
        return 1
    except ImportError as fault:
        missing = (fault.name or "").startswith("sklearn")
        _complain("training needs scikit-learn: pip install 'plmhead[train]'" if missing else str(fault))
        return 1
    except KeyboardInterrupt:
        _complain("interrupted")
        return INTERRUPTED


def _complain(text: str) -> None:
    print(f"plmhead: {lines(text)}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
