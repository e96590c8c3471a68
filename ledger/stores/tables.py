"""The tables of a log in a database, with the triggers that let the database itself refuse what a log never does.

`metadata` describes them; `metadata.create_all` makes them, also from a migration.
"""

from sqlalchemy import (
    DDL,
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    event,
)

from ledger.merkle import HASH_SIZE
from ledger.tiles import TILE_BYTES

ENTRY_BYTES = 33

metadata = MetaData()
_Number = BigInteger().with_variant(Integer(), "sqlite")  # SQLite counts rows in INTEGER columns only

ledger_entry = Table(
    "ledger_entry",
    metadata,
    Column("serial", _Number, nullable=False),
    Column("entry", LargeBinary, nullable=False),
    Column("at_ms", _Number, nullable=False),
    Column("idx", _Number, nullable=True),
    PrimaryKeyConstraint("serial", name="pk_ledger_entry"),
    UniqueConstraint("entry", name="uq_ledger_entry_entry"),
    UniqueConstraint("idx", name="uq_ledger_entry_idx"),  # its index also finds what waits, by serial within NULL
    CheckConstraint(f"length(entry) = {ENTRY_BYTES}", name="ck_ledger_entry_length"),
    CheckConstraint("idx >= 0", name="ck_ledger_entry_idx"),
    sqlite_strict=True,
    sqlite_autoincrement=True,  # a serial is never used twice, not even that of a row somebody managed to delete
)
ledger_tile = Table(
    "ledger_tile",
    metadata,
    Column("level", Integer, nullable=False),
    Column("idx", _Number, nullable=False),
    Column("hashes", LargeBinary, nullable=False),
    PrimaryKeyConstraint("level", "idx", name="pk_ledger_tile"),
    CheckConstraint(f"length(hashes) = {TILE_BYTES}", name="ck_ledger_tile_full"),
    sqlite_strict=True,
)

ledger_edge = Table(
    "ledger_edge",
    metadata,
    Column("level", Integer, nullable=False),
    Column("hashes", LargeBinary, nullable=False),
    PrimaryKeyConstraint("level", name="pk_ledger_edge"),
    CheckConstraint(
        f"length(hashes) < {TILE_BYTES} AND length(hashes) % {HASH_SIZE} = 0", name="ck_ledger_edge_partial"
    ),
    sqlite_strict=True,
)

ledger_tree = Table(
    "ledger_tree",
    metadata,
    Column("id", Integer, nullable=False),
    Column("origin", Text, nullable=False),
    Column("size", _Number, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("head_ms", _Number, nullable=False),
    Column("old_size", _Number, nullable=False),
    Column("old_root", LargeBinary, nullable=False),
    PrimaryKeyConstraint("id", name="pk_ledger_tree"),
    CheckConstraint("id = 1", name="ck_ledger_tree_one"),
    CheckConstraint("old_size >= 0 AND old_size <= size", name="ck_ledger_tree_grows"),
    CheckConstraint(f"length(root) = {HASH_SIZE} AND length(old_root) = {HASH_SIZE}", name="ck_ledger_tree_roots"),
    sqlite_strict=True,
)

ledger_checkpoint = Table(
    "ledger_checkpoint",
    metadata,
    Column("size", _Number, nullable=False, autoincrement=False),
    Column("note", Text, nullable=False),
    Column("published_ms", _Number, nullable=False),
    PrimaryKeyConstraint("size", name="pk_ledger_checkpoint"),
    CheckConstraint("size >= 0", name="ck_ledger_checkpoint_size"),
    sqlite_strict=True,
)

ledger_cosignature = Table(
    "ledger_cosignature",
    metadata,
    Column("size", _Number, nullable=False, autoincrement=False),
    Column("witness", Text, nullable=False),  # its verifier key
    Column("line", Text, nullable=False),
    Column("at", _Number, nullable=False),  # the Unix seconds that it signed
    PrimaryKeyConstraint("size", "witness", name="pk_ledger_cosignature"),
    CheckConstraint("size >= 0", name="ck_ledger_cosignature_size"),
    Index("ix_ledger_cosignature_witness", "witness", "size"),
    sqlite_strict=True,
)

ledger_witnessed = Table(
    "ledger_witnessed",
    metadata,
    Column("size", _Number, nullable=False, autoincrement=False),
    Column("at_ms", _Number, nullable=False),
    PrimaryKeyConstraint("size", name="pk_ledger_witnessed"),
    CheckConstraint("size >= 0", name="ck_ledger_witnessed_size"),
    sqlite_strict=True,
)

# What the log says about itself: that it was healed, that it succeeded another, that its key changes. `ledger.notice`.
ledger_notice = Table(
    "ledger_notice",
    metadata,
    Column("id", _Number, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("at_ms", _Number, nullable=False),
    Column("detail", Text, nullable=False),
    Column("entry", LargeBinary, nullable=True),
    Column("extra", LargeBinary, nullable=True),
    PrimaryKeyConstraint("id", name="pk_ledger_notice"),
    UniqueConstraint("entry", name="uq_ledger_notice_entry"),
    CheckConstraint("state IN ('open', 'ready', 'told')", name="ck_ledger_notice_state"),
    sqlite_strict=True,
)


_REFUSE = """CREATE OR REPLACE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS
 $$ BEGIN RAISE EXCEPTION '%%', TG_ARGV[0] USING ERRCODE = 'integrity_constraint_violation'; END $$"""


def _forbid(table: Table, name: str, when: str, why: str) -> None:
    """Let the database itself refuse what the log never does, whoever asks."""
    trigger = f"CREATE TRIGGER {name} BEFORE {when} BEGIN SELECT RAISE(ABORT, '{why}'); END"
    event.listen(table, "after_create", DDL(trigger).execute_if(dialect="sqlite"))  # type: ignore[no-untyped-call]
    act, _, condition = when.partition(" WHEN ")
    told = f"CREATE TRIGGER {name} BEFORE {act} FOR EACH ROW {f'WHEN ({condition})' if condition else ''}"
    for statement in (_REFUSE, f"{told} EXECUTE FUNCTION ledger_refuse('{why}')"):
        event.listen(table, "after_create", DDL(statement).execute_if(dialect="postgresql"))  # type: ignore[no-untyped-call]


for _table in (ledger_entry, ledger_tile, ledger_tree, ledger_checkpoint, ledger_cosignature, ledger_witnessed):
    _forbid(_table, f"tr_{_table.name}_delete", f"DELETE ON {_table.name}", f"{_table.name} is append-only")
for _table in (ledger_tile, ledger_checkpoint, ledger_cosignature, ledger_witnessed):
    _forbid(_table, f"tr_{_table.name}_update", f"UPDATE ON {_table.name}", f"{_table.name} is append-only")
_forbid(
    ledger_entry,
    "tr_ledger_entry_update",
    "UPDATE ON ledger_entry WHEN OLD.idx IS NOT NULL OR NEW.serial <> OLD.serial OR NEW.entry <> OLD.entry"
    " OR NEW.at_ms <> OLD.at_ms",
    "ledger_entry is append-only",
)
_forbid(
    ledger_tree,
    "tr_ledger_tree_update",
    "UPDATE ON ledger_tree WHEN NEW.origin <> OLD.origin OR NEW.size <= OLD.size OR NEW.head_ms < OLD.head_ms",
    "ledger_tree only grows",
)
