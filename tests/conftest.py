"""Settings of all tests."""

import gc

from hypothesis import HealthCheck, settings

# The command line turns the collector off: it goes through all trees again and again, and they have no garbage.
gc.set_threshold(200_000, 20, 100)

# How fast examples are made, and how long one takes, says how busy the machine is, and nothing about the code.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")
