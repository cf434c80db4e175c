"""Faults while saving: a writer killed at every system call, every system call failing, full disks, rivals, readers."""
