"""What every test gets: servers on demand, and an environment without inherited settings."""

pytest_plugins = ["tests.services.plugin"]
