"""`LibraryModels`: what the calls of drivers, pools, SQLAlchemy and the functions of the settings open.

pymysql.connect()                # `resource_of_driver`: the connection of pymysql
engine.connect()                 # `model_of_sqlalchemy`: it returns a connection of the engine's pool
"""

from __future__ import annotations

import ast

from dbhygiene.library import drivers
from dbhygiene.library.calls import GIVEN_BACK, GIVING_BACK, TAKING
from dbhygiene.library.prefilter import SQLALCHEMY
from dbhygiene.library.resources import UNBUFFERED_CURSOR, CallModel, Driver, Leaving, Resource, Version
from dbhygiene.lifetimes import connect_arguments
from dbhygiene.lifetimes.declared_functions import declared_model
from dbhygiene.lifetimes.helper_index import HelperIndex
from dbhygiene.program.definitions import find_definition
from dbhygiene.program.evaluation import evaluate
from dbhygiene.program.names import canonical_name
from dbhygiene.program.values import Named, options
from dbhygiene.source.file import File, ProjectView
from dbhygiene.source.records import replace
from dbhygiene.source.scopes import Scope


class LibraryModels:
    """The models of calls outside the project, in the versions that the project uses."""

    def __init__(self, project: ProjectView, helpers: HelperIndex) -> None:
        self.project, self.helpers = project, helpers
        self._resources: dict[tuple[str, bool], Resource] = {}

    def resource_of_driver(self, file: File, call: ast.Call) -> Resource | None:
        """Return the resource that a call opens, in the version of the driver that the project uses."""
        name = file.resolve(call.func)
        driver = drivers.driver(name.partition(".")[0]) if name is not None else None
        if (
            name is not None
            and driver is None
            and name.count(".") > 1
            and self.helpers.acquire_filter.may_acquire(file, call)
        ):
            name = canonical_name(file, name)  # `from drivers import sqlite3`, of the project's own module
            driver = drivers.driver(name.partition(".")[0])
        if name is None:
            return self.resource_of_either(file, call)
        if driver is None or name not in driver.opens:
            return None
        resource = self._resource(driver, is_async=name in driver.opens_async)
        if driver.in_memory and connect_arguments.opens_in_memory(file, call, driver):
            return replace(resource, costs_nothing=True)
        if driver.deferred_by and connect_arguments.is_deferred(file, call, driver):
            return replace(resource, opened_by=driver.opened_by)
        return resource

    def resource_of_either(self, file: File, call: ast.Call) -> Resource | None:
        """Return the resource of a driver that is chosen at run time; of several, one that a `with` may close."""
        match call.func:
            case ast.Attribute(value=ast.Name(id=name) as chosen, attr="connect"):
                pass
            case _:
                return None
        if file.resolve(chosen) is not None or not file.scope_of(chosen).aliases.get(name):
            return None
        names = [each.name if isinstance(each, Named) else "" for each in options(evaluate(file, chosen))]
        found: list[Resource] = []
        for name in names:
            driver = drivers.driver(name.partition(".")[0])
            opens = f"{name}.connect"
            if driver is None or opens not in driver.opens:
                return None
            found.append(self._resource(driver, is_async=opens in driver.opens_async))
        if len({each.is_async for each in found}) != 1:
            return None
        return min(found, key=lambda each: each.leaving is not None and not each.leaving.closes)

    def resource_of_base(self, file: File, name: str) -> Resource | None:
        """Return the resource that an object of this class of a library is, if it is a connection or a session."""
        last = name.rpartition(".")[2]
        if not (last[:1].isupper()):
            return None
        whole = canonical_name(file, name)
        driver = drivers.driver(whole.partition(".")[0])
        if driver is not None:
            return self._resource(driver, is_async=whole in driver.opens_async) if whole in driver.opens else None
        if whole.partition(".")[0] not in SQLALCHEMY:
            return None
        from dbhygiene.pools import sessions

        return sessions.resource_of_session_class(whole)

    def opens_as_base(self, file: File, call: ast.Call, resource: Resource) -> bool:
        """Whether `super().__init__(...)` opens the resource of the library's class."""
        if resource.kind == "session":
            from dbhygiene.pools import sessions

            return sessions.takes_from_pool(file, call)
        driver = drivers.driver(resource.package.partition(".")[0])
        return driver is not None and not (driver.deferred_by and connect_arguments.is_deferred(file, call, driver))

    def _resource(self, driver: Driver, *, is_async: bool) -> Resource:
        if (key := (driver.package, is_async)) not in self._resources:
            self._resources[key] = driver.resource(self._version(driver), is_async=is_async)
        return self._resources[key]

    def _version(self, driver: Driver) -> Version | None:
        return next((found for each in driver.distributions if (found := self.project.version_of(each))), None)

    def model_of_pool(self, file: File, call: ast.Call, scope: Scope) -> CallModel | None:
        """Return the model of a call that takes a connection from a pool, or returns one; None for any other."""
        if not isinstance(call.func, ast.Attribute):
            return None
        if call.func.attr in GIVING_BACK and call.args:
            return GIVEN_BACK
        if call.func.attr not in TAKING:
            return None
        from dbhygiene.lifetimes import driver_pools as pools  # reads values, and is not needed for drivers

        if (found := pools.pool_of_call(file, call, scope)) is None:
            return None
        driver, pool = found
        preferred = drivers.driver(pool.prefers)
        if preferred is not None and any(file.project.requires(each, file) for each in preferred.distributions):
            return CallModel(returns=self._resource(preferred, is_async=False))
        if (opened := drivers.driver(pool.opens)) is not None:
            return CallModel(returns=self._resource(opened, is_async=False))
        return CallModel(returns=driver.resource_of_pool(pool, self._version(driver)))

    def model_of_sqlalchemy(self, file: File, call: ast.Call) -> CallModel | None:
        """Return the model of a call of SQLAlchemy, or of one on its objects; None for any other."""
        if not self._may_use_sqlalchemy(file):
            return None
        from dbhygiene.pools import sessions  # reads values, and is not needed for drivers

        return sessions.session_call_model(file, call)

    def _may_use_sqlalchemy(self, file: File) -> bool:
        return not self.helpers.needs_helpers(file) or self.helpers.uses_helpers(file)

    def cursor_without_buffer(self, name: str) -> Resource | None:
        """Return the cursor that a class of this name makes, if it reads its rows from the server one by one."""
        package, _, cls = name.rpartition(".")
        driver = drivers.driver(package.partition(".")[0])
        return UNBUFFERED_CURSOR if driver is not None and cls in driver.server_side else None

    def model_of_settings(self, name: str) -> CallModel | None:
        """Return the model that the settings declare for a function of this name."""
        declared = self.project.settings.functions.get(name)
        if declared is None:
            return None
        returned = self._resource_of_name(declared.returns) if declared.returns else None
        near = next(iter(self.project.parsed_files_containing(name.rpartition(".")[2])), None)
        return declared_model(declared, returned, find_definition(near, name) if near is not None else None)

    def _resource_of_name(self, name: str) -> Resource:
        driver = next((each for each in drivers.drivers() if name in {each.package, each.name}), None)
        return driver.resource() if driver is not None else Resource("connection", "connection")

    def older_exit_effect(self, resource: Resource) -> Leaving | None:
        """Return the effect of `with` in older versions of the driver, if the project does not say which it uses."""
        driver = drivers.driver(resource.package.partition(".")[0])
        if driver is None or any(self.project.version_of(each) for each in driver.distributions):
            return None
        return driver.leavings[0]
