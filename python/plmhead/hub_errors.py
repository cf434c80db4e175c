"""What huggingface_hub raises, in the words of the error registry."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from .errors import FormatError, InputError

MAIN = "main"
_OFFLINE = "found nothing of it in the cache, and the network may not be used, expected the files of the pair"


@contextlib.contextmanager
def translated(repository: str, revision: str | None) -> Iterator[None]:
    """Raises InputError HUB_… for what the hub, its client and the network raise."""
    from huggingface_hub import errors

    # The client's HTTP library has had three names; its common error is what HfHubHTTPError is made of.
    network: tuple[Any, ...] = errors.HfHubHTTPError.__bases__
    try:
        yield
    except (FormatError, InputError):
        raise
    except errors.RevisionNotFoundError:
        found = f"found no {revision or MAIN!r}, expected a branch, a tag or a commit"
        raise InputError("HUB_REVISION", repository, found) from None
    except errors.GatedRepoError:
        found = "found a gated repository, expected one that this token may read"
        remedy = "accept its conditions on its page, then log in with: hf auth login"
        raise InputError("HUB_ACCESS", repository, found, remedy) from None
    except errors.RepositoryNotFoundError:
        raise InputError("HUB_REPOSITORY", repository, "found none of that name, expected one") from None
    except errors.RemoteEntryNotFoundError as fault:
        raise InputError("HUB_FILES", repository, f"found no such file: {_line(fault)}") from None
    except errors.LocalEntryNotFoundError as fault:
        if isinstance(fault.__cause__, network):
            raise _unreachable(repository, fault.__cause__) from None
        raise InputError("HUB_OFFLINE", repository, _OFFLINE) from None
    except errors.OfflineModeIsEnabled:
        raise InputError("HUB_OFFLINE", repository, "found HF_HUB_OFFLINE set, expected the network") from None
    except errors.HfHubHTTPError as fault:
        raise _refused(repository, fault) from None
    except errors.FileMetadataError as fault:
        raise _unreachable(repository, fault) from None
    except network as fault:
        # The system's own faults have a number: a cache that cannot be written, a full disk.
        if getattr(fault, "errno", None) is not None:
            raise InputError(
                "OUTPUT", str(fault.filename or "cache"), f"cannot be written ({fault.strerror})"
            ) from None
        raise _unreachable(repository, fault) from None
    except (ValueError, RuntimeError) as fault:
        if "README.md" in str(fault):
            raise InputError(
                "METADATA", "README.md", f"found what the hub refuses: {' '.join(str(fault).split())[:200]}"
            ) from None
        # An upload that failed says so itself, and why in its cause.
        raise _refused(repository, fault.__cause__ or fault) from None


def _refused(repository: str, fault: BaseException) -> InputError:
    status = getattr(getattr(fault, "response", None), "status_code", None)
    if status in (401, 403):
        return InputError(
            "HUB_ACCESS", repository, f"found that the hub refuses (HTTP {status}), expected a token with the right"
        )
    if status in (409, 412):
        return InputError(
            "HUB_CONFLICT", repository, f"found that another commit came first (HTTP {status}), expected none"
        )
    return _unreachable(repository, fault)


def _unreachable(repository: str, fault: BaseException) -> InputError:
    found = f"found {type(fault).__name__}: {_line(fault)}, expected an answer"
    return InputError("HUB_UNREACHABLE", repository, found)


def _line(fault: BaseException) -> str:
    lines = [line.strip() for line in str(fault).splitlines() if line.strip()]
    return lines[0][:200] if lines else "no details"
