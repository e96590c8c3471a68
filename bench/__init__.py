"""How fast the hospital answers on the machine at hand; `python -m bench` writes `docs/benchmarks.md`."""
