"""`python -m tests.mutate`: change the ledger's formats one place at a time, and see whether their tests notice.

Each change runs the module's own tests in a fork of a process that has pytest loaded already; the changed module exists
in its memory only. What is left alone: words (messages, docstrings), annotations, and `__all__`-like metadata.
"""

from __future__ import annotations

import argparse
import ast
import copy
import hashlib
import importlib.abc
import importlib.util
import itertools
import os
import random
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULES = ("merkle", "note", "receipt", "entry")
WANTED = 0.90
# Hypothesis was loaded before pytest could look at it, which is no fault of a test.
OPTIONS = ("-x", "-q", "--noconftest", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning")
PATIENCE_SECONDS = 15  # of computing: a change that loops for ever is noticed too, however busy the machine is

# A failure is enough: the smallest one need not be looked for.
hypothesis.settings.register_profile(
    "mutants", phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate), database=None, deadline=None
)

COMPARISONS = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
OPERATORS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip
WORDS = (
    "ValueError",
    "VerificationError",
    "Malformed",
    "Unsupported",
    "refuse",
)  # what is called so takes words for people


@dataclass(frozen=True)
class Mutant:
    """One change: where it is, what it says now, and the changed module."""

    line: int
    was: str
    now: str
    tree: ast.Module


def mutants(source: str) -> Iterator[Mutant]:
    """Yield every change of a module, in the order of its lines."""
    tree = ast.parse(source)
    alone = _left_alone(tree)
    for number, node in enumerate(ast.walk(tree)):
        for change in range(0 if node in alone else len(list(_changes(node)))):
            changed = copy.deepcopy(tree)
            twin = next(itertools.islice(ast.walk(changed), number, None))
            replaced = list(_changes(twin))[change]
            was = ast.unparse(node)
            _put(changed, twin, replaced)
            now = ast.unparse(ast.fix_missing_locations(replaced))
            yield Mutant(getattr(node, "lineno", 0), was, now, ast.fix_missing_locations(changed))


def _changes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what a node could become. Each is a node of its own."""
    if isinstance(node, ast.Compare):
        for i, operator in enumerate(node.ops):
            other = copy.deepcopy(node)
            other.ops[i] = COMPARISONS[type(operator)]()
            yield other
    elif isinstance(node, (ast.BinOp, ast.AugAssign)) and type(node.op) in OPERATORS:
        other = copy.deepcopy(node)
        other.op = OPERATORS[type(node.op)]()
        yield other
    elif isinstance(node, ast.BoolOp):
        other = copy.deepcopy(node)
        other.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield other
    elif isinstance(node, (ast.If, ast.While, ast.IfExp)):
        other = copy.deepcopy(node)
        other.test = ast.UnaryOp(ast.Not(), other.test)
        yield other
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            yield ast.Constant(not node.value)
        elif isinstance(node.value, int):
            yield ast.Constant(node.value + 1)
        elif isinstance(node.value, (bytes, str)):
            yield ast.Constant(node.value + (b"X" if isinstance(node.value, bytes) else "X"))
    elif isinstance(node, ast.Return) and node.value is not None:
        yield ast.Return(ast.Constant(None))
    elif isinstance(node, (ast.Raise, ast.Break, ast.Continue)) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ):
        yield ast.Pass()


def _left_alone(tree: ast.Module) -> set[ast.AST]:
    """Return the nodes that are words, annotations or decorators."""
    alone: set[ast.AST] = set()
    for node in ast.walk(tree):
        parts: list[ast.AST | None] = []
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            parts = [node.value]
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            parts = [*node.decorator_list, getattr(node, "returns", None)]
        elif isinstance(node, (ast.AnnAssign, ast.arg)):
            parts = [node.annotation]
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Subscript):
            parts = [node.value]  # the name of a type
        elif isinstance(node, ast.Call) and ast.unparse(node.func).startswith(WORDS):
            parts = [arg for arg in node.args if isinstance(arg, (ast.Constant, ast.JoinedStr))]
        alone.update(inner for part in parts if part is not None for inner in ast.walk(part))
    return alone


def _put(tree: ast.Module, old: ast.AST, new: ast.AST) -> None:
    ast.copy_location(new, old)
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, name, new)
            elif isinstance(value, list) and any(one is old for one in value):
                value[next(i for i, one in enumerate(value) if one is old)] = new


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Answers an import of `name` with a changed module."""

    def __init__(self, name: str, tree: ast.Module) -> None:
        self._name, self._tree = name, tree

    def find_spec(self, name: str, _path: object, _target: object = None) -> object:
        return importlib.util.spec_from_loader(name, self) if name == self._name else None

    def exec_module(self, module: object) -> None:
        exec(compile(self._tree, self._name, "exec"), vars(module))  # noqa: S102 (our own source)


def is_noticed(name: str, mutant: Mutant, tests: Sequence[str]) -> bool:
    """Run the tests of `ledger.<name>` over a changed module; tell whether any failed."""
    child = os.fork()
    if child == 0:
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        resource.setrlimit(resource.RLIMIT_CPU, (PATIENCE_SECONDS, PATIENCE_SECONDS))
        hypothesis.settings.load_profile("mutants")
        sys.meta_path.insert(0, _Changed(f"ledger.{name}", mutant.tree))
        code = 1
        try:
            code = int(pytest.main([*tests, *OPTIONS]))
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0


class Kept:
    """Which changes of a source were noticed in earlier runs, a line each in a file. A survivor is tried again: tests may be new."""

    def __init__(self, path: Path | None, source: str) -> None:
        self._path = path
        self._source = hashlib.sha256(source.encode()).hexdigest()[:16]
        self._lines = set(path.read_text("utf-8").splitlines()) if path and path.exists() else set()

    def has(self, mutant: Mutant) -> bool:
        return self._line(mutant) in self._lines

    def add(self, mutant: Mutant) -> None:
        line = self._line(mutant)
        if self._path and line not in self._lines:
            self._lines.add(line)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")

    def _line(self, mutant: Mutant) -> str:
        changed = hashlib.sha256(ast.unparse(mutant.tree).encode()).hexdigest()[:16]
        return f"{self._source} {changed} {mutant.line}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutate", description=__doc__)
    parser.add_argument("modules", nargs="*", default=MODULES, help="of merkle, note, receipt, entry")
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="so many of each module, chosen by --seed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--keep", type=Path, metavar="FILE", help="remember there what was noticed, and do not try it again"
    )
    told = parser.parse_args()
    all_noticed = all_made = 0
    for name in told.modules:
        source = (ROOT / "ledger" / f"{name}.py").read_text("utf-8")
        kept = Kept(told.keep, source)
        tests = [str(ROOT / "tests" / "ledger" / f"test_{name}.py")]
        if is_noticed(name, Mutant(0, "", "", ast.parse(source)), tests):
            raise SystemExit(f"the tests of {name} fail without any change, so they would say nothing")
        made = list(mutants(source))
        chosen = random.Random(told.seed).sample(made, told.sample) if 0 < told.sample < len(made) else made
        began, noticed = time.monotonic(), 0
        for mutant in sorted(chosen, key=lambda one: one.line):
            if kept.has(mutant) or is_noticed(name, mutant, tests):
                noticed += 1
                kept.add(mutant)
            else:
                print(f"  survives: ledger/{name}.py:{mutant.line}: {mutant.was}  ->  {mutant.now}", flush=True)
        took = time.monotonic() - began
        print(f"{name}: {noticed} of {len(chosen)} noticed ({noticed / len(chosen):.1%}) in {took:.0f} s", flush=True)
        all_noticed, all_made = all_noticed + noticed, all_made + len(chosen)
    score = all_noticed / all_made
    print(f"{score:.1%} of {all_made} changes are noticed; {WANTED:.0%} are wanted")
    return 0 if score >= WANTED else 1


if __name__ == "__main__":
    sys.exit(main())
