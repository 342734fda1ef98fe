"""A Django application with the command ``runfcgi``, which Django had until 1.8: add it to INSTALLED_APPS."""
