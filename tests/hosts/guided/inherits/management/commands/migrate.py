"""A ``migrate`` that goes on from the one of ``fbs_db.django``."""

from fbs_db.django.management.commands import migrate


class Command(migrate.Command):
    def handle(self, *args, **options):
        self.stdout.write("The command of another app.")
        super().handle(*args, **options)
