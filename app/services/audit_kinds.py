"""The rows that the ledger binds, numbered: every model that is `Bound`, found by itself, so that none can be left out."""

from __future__ import annotations

from app.models import Base, Bound

MODELS: tuple[type[Bound], ...] = tuple(
    sorted(
        (mapper.class_ for mapper in Base.registry.mappers if issubclass(mapper.class_, Bound)),
        key=lambda one: one.OBJECT,
    )
)
KINDS: dict[str, int] = {one.OBJECT: number for number, one in enumerate(MODELS, 1)}
BY_NUMBER: dict[int, type[Bound]] = dict(enumerate(MODELS, 1))
BY_TABLE: dict[str, type[Bound]] = {one.__tablename__: one for one in MODELS}  # type: ignore[attr-defined]
