from django.apps import AppConfig


class FBSAppConfig(AppConfig):
    name = "fbs_app"

    def ready(self):
        from fbs_app import signals  # noqa: F401
