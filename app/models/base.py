"""What every table shares: names for constraints, instants, and rows that the ledger binds.

Rows about people carry sealed bytes, never text. What stays in clear beside a sealed payload is listed in
`docs/architecture.md`; a test holds the list.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar

from sqlalchemy import BigInteger, MetaData, String
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column
from sqlalchemy.types import TypeDecorator

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def to_ms(at: datetime) -> int:
    """Return an aware instant as whole milliseconds since 1970."""
    return (at - EPOCH) // MILLISECOND


def from_ms(ms: int) -> datetime:
    """Return milliseconds since 1970 as an aware UTC instant."""
    return EPOCH + ms * MILLISECOND


class Instant(TypeDecorator[datetime]):
    """An aware UTC instant, kept as milliseconds: it sorts, compares and indexes the same in every database."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: object) -> int | None:
        return None if value is None else to_ms(value)

    def process_result_value(self, value: int | None, dialect: object) -> datetime | None:
        return None if value is None else from_ms(value)


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar = {datetime: Instant, str: String}


HOSPITAL = "hospital"  # the owner of keys for rows and events that concern no patient


class Bound:
    """A row whose versions events name by digest.

    `sealed` holds the payload and the digest's salt under the key of the row's owner and `RETENTION`; `version` counts its
    states and stands in the WHERE of every change (SQLAlchemy's version counter), so that of two changes at once one loses.
    """

    OBJECT: ClassVar[str]  # names the projection with its version: "appointment.v1"
    RETENTION: ClassVar[str]
    KEY: ClassVar[str] = "id"
    OWNER: ClassVar[str] = "patient_ref"  # the column that names whose key seals this row; "" for the hospital's own
    FIELDS: ClassVar[tuple[str, ...]]  # the columns in clear that the projection holds
    KEEPS: ClassVar[bool] = (
        False  # versions before the present one are kept (`KeptVersion`), so that each stays verifiable
    )

    version: Mapped[int] = mapped_column(default=0)
    sealed: Mapped[bytes]

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:
        return {"version_id_col": cls.version, "version_id_generator": False}

    @property
    def object_id(self) -> str:
        return str(getattr(self, self.KEY))

    @property
    def owner_ref(self) -> str:
        return str(getattr(self, self.OWNER)) if self.OWNER else HOSPITAL

    def project(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Return the projection whose digest a receipt carries: the clear columns by name and the payload as `content`."""
        return {"id": self.object_id, "version": self.version, "content": payload, **self.clear()}

    def clear(self) -> dict[str, Any]:
        """Return the columns in clear that the projection holds, as it spells them."""
        return {name: projected(getattr(self, name)) for name in self.FIELDS}


def projected(value: Any) -> Any:
    """Return a column's value as projections spell it: instants as RFC 3339 UTC with milliseconds, days as ISO dates."""
    if value is None or type(value) is str:  # as most are
        return value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds")[:23] + "Z"
    if isinstance(value, date):
        return value.isoformat()
    return value
