"""Rust ONNX runtimes, measured: see `run.py`."""
