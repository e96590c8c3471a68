"""Accounts, the people bound to them, and web sessions.

An account is keyed (appid, openid) or phone by blind index in the keyring; its row holds none of these in clear.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Bound


class Account(Bound, Base):
    """Somebody who signs in. Sealed (contact): phone, openid, appid, nickname, as far as known."""

    __tablename__ = "account"
    OBJECT, RETENTION, KEY, OWNER = "account.v1", "contact", "ref", "ref"
    FIELDS = ("created_at", "has_phone")

    ref: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime]
    has_phone: Mapped[bool] = mapped_column(default=False)


class Link(Bound, Base):
    """An account holds a person: as oneself, as guardian, or as family of a grown-up who agreed; from when on, on what proof.

    `until_on` is the first hospital day on which a guardianship holds no longer, where the papers say so; that it ends with
    childhood follows from the birth date and is not stored.
    """

    __tablename__ = "link"
    OBJECT, RETENTION = "link.v1", "events"
    FIELDS = (
        "account_ref",
        "patient_ref",
        "relation",
        "state",
        "proof",
        "opens_from",
        "until_on",
        "created_at",
        "ended_at",
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    account_ref: Mapped[str] = mapped_column(ForeignKey("account.ref"), index=True)
    patient_ref: Mapped[str] = mapped_column(ForeignKey("patient.ref"), index=True)
    relation: Mapped[str]
    state: Mapped[str]
    proof: Mapped[str] = mapped_column(default="none")
    opens_from: Mapped[datetime | None]  # null: everything opens; else only what happened from then on
    until_on: Mapped[date | None]
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint("relation IN ('self', 'guardian', 'family')", name="relation"),
        CheckConstraint("state IN ('pending', 'active', 'ended')", name="state"),
        CheckConstraint("proof IN ('none', 'phone', 'desk')", name="proof"),
        CheckConstraint("(state = 'ended') = (ended_at IS NOT NULL)", name="ended"),
        Index(
            "uq_link_living", "account_ref", "patient_ref", unique=True,
            sqlite_where=text("state <> 'ended'"), postgresql_where=text("state <> 'ended'"),
        ),
    )  # fmt: skip


class WebSession(Base):
    """A sitting at one door. Only the token's SHA-256 is kept; `ref` names the session in events.

    Of staff: `needs` are the steps of signing in that are still to come (a session with any opens nothing), `locked_at` since
    when the page is covered, `way` how they signed in, `area` the one part of the site whose cookie this is (demos), and
    `device_ref` where they sit.
    """

    __tablename__ = "web_session"

    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    ref: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    owner_ref: Mapped[str] = mapped_column(index=True)
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    needs: Mapped[str] = mapped_column(default="")
    locked_at: Mapped[datetime | None]
    way: Mapped[str] = mapped_column(default="")
    area: Mapped[str] = mapped_column(default="")
    device_ref: Mapped[str | None]
    __table_args__ = (CheckConstraint("kind IN ('patient', 'staff', 'screen', 'api')", name="kind"),)


class ProofCode(Base):
    """A one-time code: to sign in, to prove a person by the phone on file, or handed out at the desk.

    `scope` is a blind index (of the phone, or of link and purpose) so that a code answers only where it was asked for.
    """

    __tablename__ = "proof_code"

    id: Mapped[str] = mapped_column(primary_key=True)
    purpose: Mapped[str]
    scope: Mapped[bytes] = mapped_column(index=True)
    code_hash: Mapped[bytes]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(default=0)
    __table_args__ = (CheckConstraint("purpose IN ('sign_in', 'claim_phone', 'claim_desk', 'screen')", name="purpose"),)
