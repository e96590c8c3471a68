"""Faults of system calls are made with ptrace(2), whose registers are those of x86-64 Linux here."""

from tests.torture import tracer

collect_ignore = [] if tracer.IS_POSSIBLE else ["test_every_system_call.py", "test_interrupted_start.py"]
