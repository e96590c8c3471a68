"""Fictional people for tests: documents with true check characters, of nobody."""


def with_check(seventeen: str) -> str:
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return seventeen + "10X98765432"[sum(w * int(d) for w, d in zip(weights, seventeen, strict=True)) % 11]


LI_ID = with_check("11010519900307871")
CHILD_ID = with_check("11010520180307001")
WANG_ID = with_check("11010519541012023")
