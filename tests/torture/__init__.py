"""Faults that take long: `python -m tests.torture`, or `make torture`. The quick ones are tests/faults."""
