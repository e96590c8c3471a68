"""Applications of other people's that a person may let read their record: which there are, what was granted, codes and tokens.

Of codes and tokens only digests are kept.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Bound


class SmartApp(Base):
    """A registered public client. `id` is its client_id; `redirects` are the only addresses that a code is sent to."""

    __tablename__ = "smart_app"

    id: Mapped[str] = mapped_column(primary_key=True)
    name_zh: Mapped[str]
    name_en: Mapped[str]
    redirects: Mapped[list[str]] = mapped_column(JSON)
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


class AppGrant(Bound, Base):
    """What an account let an application read of one person, until when. A withdrawal is a new version.

    `types` are FHIR resource types separated by blanks; `is_lasting` says whether the application may renew its token.
    """

    __tablename__ = "app_grant"
    OBJECT, RETENTION = "app_grant.v1", "events"
    FIELDS = ("patient_ref", "account_ref", "app_id", "types", "given_at", "until_at", "withdrawn_at")

    id: Mapped[str] = mapped_column(primary_key=True)
    patient_ref: Mapped[str] = mapped_column(ForeignKey("patient.ref"), index=True)
    account_ref: Mapped[str] = mapped_column(ForeignKey("account.ref"), index=True)
    app_id: Mapped[str] = mapped_column(ForeignKey("smart_app.id"))
    types: Mapped[str]
    is_lasting: Mapped[bool] = mapped_column(default=False)
    given_at: Mapped[datetime]
    until_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint("until_at > given_at", name="until"),
        CheckConstraint("types <> ''", name="types"),
    )


class AppCode(Base):
    """An authorization code: once, within a minute, for whoever knows the verifier of `challenge` (RFC 7636)."""

    __tablename__ = "app_code"

    code_hash: Mapped[bytes] = mapped_column(primary_key=True)
    grant_id: Mapped[str] = mapped_column(ForeignKey("app_grant.id"), index=True)
    redirect_uri: Mapped[str]
    challenge: Mapped[str]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]


class AppToken(Base):
    """A token of a grant: one to read with, or one to renew that. A renewing token is used once."""

    __tablename__ = "app_token"

    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    grant_id: Mapped[str] = mapped_column(ForeignKey("app_grant.id"), index=True)
    kind: Mapped[str]
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    ended_at: Mapped[datetime | None]
    __table_args__ = (CheckConstraint("kind IN ('access', 'refresh')", name="kind"),)
