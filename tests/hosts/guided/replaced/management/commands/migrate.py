"""A ``migrate`` as other apps bring it: Django's own, and a line of theirs."""

from django.core.management.commands import migrate


class Command(migrate.Command):
    def handle(self, *args, **options):
        self.stdout.write("The command of another app.")
        super().handle(*args, **options)
