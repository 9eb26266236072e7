from django.db import models


class SolutionLicense(models.Model):
    solution_name = models.CharField(max_length=255, unique=True)
    license_type = models.CharField(max_length=50, default="trial")
    status = models.CharField(max_length=50, default="active")

    class Meta:
        db_table = "fbs_license_manager_solution_license"
