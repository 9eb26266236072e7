"""Routers as Django's documentation has them."""


class PrimaryReplica:
    """Reads from the replica, writes to the primary, and makes every table."""

    def db_for_read(self, model, **hints):
        return "replica"

    def db_for_write(self, model, **hints):
        return "default"

    def allow_relation(self, one, other, **hints):
        return True

    def allow_migrate(self, db, app_label, model_name=None, **hints):
        return True


class Undecided:
    """Answers only where it knows the row."""

    def db_for_write(self, model, **hints):
        return hints["instance"]._state.db
