"""The mutator changes what a program does, and leaves alone what it says."""

import ast

from tests.mutate import mutants

SOURCE = '''
def clamp(value: int) -> int:
    """Return value, 9 at most."""
    if value > 9 and value:
        raise ValueError("more than 9")
    return value + 1
'''


def test_each_place_is_changed_once_and_words_and_types_are_left_alone():
    made = list(mutants(SOURCE))
    assert {(one.was, one.now) for one in made} >= {
        ("value > 9", "value >= 9"),
        ("value > 9 and value", "value > 9 or value"),
        ("9", "10"),
        ("value + 1", "value - 1"),
        ("1", "2"),
        ("return value + 1", "return None"),
        ("raise ValueError('more than 9')", "pass"),
    }
    assert len({ast.unparse(one.tree) for one in made}) == len(made) == 8
    assert all("Return value, 9 at most." in ast.unparse(one.tree) for one in made)
    assert not any("more than 9X" in one.now for one in made)
