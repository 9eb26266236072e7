"""FBS's queue, rules, hosts, settings, migrations and health in Django's admin.

Put ``fbs_db.django.admin`` into INSTALLED_APPS.
"""
