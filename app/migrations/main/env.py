"""Run migrations on the connection that `app.migrate` hands in."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=context.config.attributes["metadata"],
    render_as_batch=True,
    compare_type=False,
)
with context.begin_transaction():
    context.run_migrations()
