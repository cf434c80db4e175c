"""For any bytes as one array of an otherwise good pair, the loader returns a head or raises its own error, and nothing else."""

import shared


def target(data: bytes) -> None:
    if not data:
        return
    npz, config = shared.BASES[1 if data[0] & 8 else 2]
    shared.check(*shared.reseal(shared.with_member(npz, data[0] & 7, data[1:]), config))


if __name__ == "__main__":
    shared.run(target)
