"""What every test gets: servers on demand, an environment without inherited settings, properties untimed."""

from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.services.plugin", "tests.faults.plugin", "tests.sharing"]

# How long an example takes says something of the machine, and nothing of the law.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
