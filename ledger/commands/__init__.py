"""What an outsider or an operator runs: each module has `add_arguments(parser)` and `run(args)`, its exit code."""
