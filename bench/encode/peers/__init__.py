"""Adapters, one module a library: `load(folder, device, threads, **options)` returns a function from sequences to embeddings.

Each runs in a process and an environment of its own, where nothing but that library, numpy and this folder need exist.
"""
