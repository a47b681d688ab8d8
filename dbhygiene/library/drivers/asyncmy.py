"""asyncmy."""

from dbhygiene.library.resources import Driver

DRIVER = Driver(
    name="asyncmy",
    package="asyncmy",
    distributions=("asyncmy",),
    opens=("asyncmy.connect", "asyncmy.Connection"),
    server="mysql",
    closed_by=frozenset({"close", "ensure_closed"}),
    is_async=True,
)
