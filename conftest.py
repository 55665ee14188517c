"""How Hypothesis runs here: examples are not judged by the clock, since machines that test share their cores."""

from hypothesis import HealthCheck, settings

settings.register_profile("twinrail", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("twinrail")
