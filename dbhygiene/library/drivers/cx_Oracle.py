"""cx_Oracle."""

from dbhygiene.library.resources import Driver, Leaving, Pool

DRIVER = Driver(
    name="cx_Oracle",
    package="cx_Oracle",
    distributions=("cx_Oracle",),
    opens=("cx_Oracle.connect", "cx_Oracle.Connection"),
    leavings=(Leaving(closes=False, commits=True), Leaving(closes=True, since=(6, 0))),
    server="oracle",
    second_close_raises=True,
    parts=frozenset({"cursor", "execute"}),
    pools=(Pool(("cx_Oracle.SessionPool",), takes="acquire"),),
)
