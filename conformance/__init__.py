"""The plmhead conformance suite: cases as files, their generator, an exact oracle, and a runner.

Nothing here imports a loader, and no loader imports anything here but the files under `cases/`.
"""
