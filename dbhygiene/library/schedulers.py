"""`JOBS`: schedulers that run jobs within the program: calls that add a job, and their arguments for its interval."""

from __future__ import annotations

from dbhygiene.library.words import words

# Methods that hand a job to a scheduler: where the function and the trigger stand, by position and name. They count in
# files that import one of these packages, since schedulers are handed about.
JOBS: dict[str, tuple[tuple[int, str], tuple[int, str]]] = {
    "add_job": ((0, "func"), (1, "trigger")),
    "run_repeating": ((0, "callback"), (1, "interval")),
    "run_daily": ((0, "callback"), (1, "time")),
    "run_monthly": ((0, "callback"), (1, "when")),
}
# Decorators of jobs, and where the trigger stands; `task` is that of Flask-APScheduler.
DECORATORS: dict[str, tuple[int, str]] = {
    "scheduled_job": (0, "trigger"),
    "register_job": (1, "trigger"),
    "task": (0, "trigger"),
}
PACKAGES = ("apscheduler", "django_apscheduler", "flask_apscheduler", "telegram")
DAILY = words("run_daily run_monthly")  # they say it by their names
REPEATING = words("run_repeating")  # seconds, or a `timedelta`

# Decorators of coroutines that a bot runs again and again: `@loop(hours=6)`, or `@loop(time=...)` once a day.
LOOPS = frozenset(f"{library}.ext.tasks.loop" for library in ("discord", "disnake", "nextcord"))

# Triggers, by the last part of their names, or by the word that stands for them.
INTERVAL = words("interval IntervalTrigger")
CRON = words("cron CronTrigger")
UNITS = {"weeks": 604800.0, "days": 86400.0, "hours": 3600.0, "minutes": 60.0, "seconds": 1.0}
# The fields of a cron job, with the pause where one value is given, and what a step counts; in the order of a crontab.
CRON_FIELDS = {
    "minute": (3600.0, 60.0),
    "hour": (86400.0, 3600.0),
    "day": (86400.0, 86400.0),
    "month": (86400.0, 86400.0),
    "day_of_week": (86400.0, 86400.0),
    "week": (86400.0, 86400.0),
}

# The library `schedule`: `every(6).hours.do(job)`.
EVERY = frozenset({"schedule.every", "schedule.Scheduler.every", "schedule.default_scheduler.every"})
REPEAT = "schedule.repeat"
EVERY_UNITS = {
    **UNITS,
    **{name[:-1]: seconds for name, seconds in UNITS.items()},
    **dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"), 604800.0),
}

# Decorators of tasks after which a worker keeps its connection, as it does not after a `db_task`; those of the second
# kind are given `crontab(hour="3")`.
TASKS = frozenset({"huey.contrib.djhuey.task", "django_huey.task"})
PERIODIC_TASKS = frozenset({"huey.contrib.djhuey.periodic_task", "django_huey.periodic_task"})

# One of these stands in every file that schedules a job.
WORDS = ("schedule", "telegram", "huey", "tasks.loop")
