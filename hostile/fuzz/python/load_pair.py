"""For any two byte strings the loader returns a head or raises its own error: it raises nothing else, does not hang, and takes no
memory that the bytes do not justify; and a head that it returns scores finite values or names the row that overflows.
"""

import shared


def target(data: bytes) -> None:
    found = shared.pair(data)
    if found is not None:
        shared.check(*found)


if __name__ == "__main__":
    shared.run(target)
