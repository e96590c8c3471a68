"""Run migrations on the connection that `app.migrate` hands in."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=context.config.attributes["metadata"],
    render_as_batch=True,
    compare_type=False,
    # The log's tables are the ledger's: the difference between the models and the database never proposes to drop them.
    include_name=lambda name, kind, _parents: kind != "table" or not (name or "").startswith("ledger_"),
)
with context.begin_transaction():
    context.run_migrations()
