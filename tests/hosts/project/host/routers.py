"""Rentals live in a database of their own, where there is one."""


class Rentals:
    def db_for_read(self, model, **hints):
        return "rentals" if model._meta.app_label == "rentals" else None

    db_for_write = db_for_read

    def allow_relation(self, one, other, **hints):
        return None

    def allow_migrate(self, db, app_label, **hints):
        if app_label == "rentals":
            return db == "rentals"
        return False if db == "rentals" else None
