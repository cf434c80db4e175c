"""Hostile artifacts and faults: what a stranger's pair of files, or a broken machine, may do to a loader. README.md lists it."""
