"""Find database connections that are leaked, kept idle too long or configured badly, and fix them.

>>> import dbhygiene
>>> for finding in dbhygiene.check("app"):
...     print(finding.path, finding.span.line, finding.message)
"""

from __future__ import annotations

TYPE_CHECKING = False  # the same name as in `typing`, whose import would double the time of `--version`

__version__ = "0.1.0"

# Addresses on the web, each with a slash at its end. An empty one is not known yet, and nothing links to it: findings
# name `dbhygiene rule NAME` instead. They are set only here; the build reads them for the metadata of the package.
DOCUMENTATION = ""
REPOSITORY = ""

__all__ = [
    "Confidence",
    "File",
    "Finding",
    "Fixed",
    "Project",
    "Rule",
    "Settings",
    "UsageError",
    "__version__",
    "check",
    "fix",
]

if TYPE_CHECKING:
    from dbhygiene.api import check as check
    from dbhygiene.api import fix as fix
    from dbhygiene.config.errors import UsageError as UsageError
    from dbhygiene.config.settings import Confidence as Confidence
    from dbhygiene.config.settings import Settings as Settings
    from dbhygiene.diagnostics.model import Finding as Finding
    from dbhygiene.diagnostics.model import Rule as Rule
    from dbhygiene.fixes.apply import Fixed as Fixed
    from dbhygiene.project.project import Project as Project
    from dbhygiene.source.file import File as File

_HOMES = {
    **{"check": "api", "fix": "api", "Finding": "diagnostics.model", "Rule": "diagnostics.model"},
    **{"Confidence": "config.settings", "Settings": "config.settings", "Project": "project.project"},
    **{"File": "source.file", "Fixed": "fixes.apply", "UsageError": "config.errors"},
}


def __getattr__(name: str) -> object:
    """Import an attribute when it is first used, so that the command starts without it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return found


def __dir__() -> list[str]:
    return __all__
