"""The router that FBS's guides put into DATABASE_ROUTERS."""

APPS = ("fbs_app", "fbs_dms", "fbs_license_manager")


class FBSDatabaseRouter:
    def db_for_read(self, model, **hints):
        return "default" if model._meta.app_label in APPS else None

    db_for_write = db_for_read

    def allow_relation(self, one, other, **hints):
        if {one._meta.app_label, other._meta.app_label} <= {*APPS, "auth"}:
            return True
        return None

    def allow_migrate(self, db, app_label, model_name=None, **hints):
        return True if app_label in APPS else None


class WithLicensing(FBSDatabaseRouter):
    """As another of FBS's releases has it: licences in a database of their own."""

    def db_for_read(self, model, **hints):
        if model._meta.app_label == "fbs_license_manager":
            return "licensing"
        return super().db_for_read(model, **hints)

    db_for_write = db_for_read

    def allow_migrate(self, db, app_label, model_name=None, **hints):
        if app_label == "fbs_license_manager":
            return db == "licensing"
        return super().allow_migrate(db, app_label, model_name, **hints)


class OfSolutions(FBSDatabaseRouter):
    """As FBS has it for solutions: hints name a solution's database, or its company."""

    def db_for_read(self, model, **hints):
        if model._meta.app_label not in APPS:
            return None
        if "solution_db" in hints:
            return hints["solution_db"]
        if "company_id" in hints:
            return f"djo_{hints['company_id']}_db"
        return "default"

    db_for_write = db_for_read
