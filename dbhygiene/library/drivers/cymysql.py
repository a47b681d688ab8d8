"""CyMySQL, a fork of PyMySQL that kept the old `with`."""

from dbhygiene.library.resources import Driver, Leaving

DRIVER = Driver(
    name="CyMySQL",
    package="cymysql",
    distributions=("cymysql",),
    opens=("cymysql.connect", "cymysql.Connect", "cymysql.Connection"),
    leavings=(Leaving(closes=False, commits=True, binds="cursor"),),
    server="mysql",
    second_close_raises=True,
    when_shared="rows of another query, or an error",
)
