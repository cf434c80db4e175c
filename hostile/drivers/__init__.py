"""One program a language for soak.py."""
