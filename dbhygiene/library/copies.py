"""`is_copied`: whether a file is a copy of another project's code: a fault in it is to be corrected in the original."""

from __future__ import annotations

from dbhygiene.library.test_files import directories
from dbhygiene.library.words import words
from dbhygiene.source.file import File
from dbhygiene.source.queries import query

_SURE = words("_vendor _vendored vendored third_party thirdparty third-party 3rdparty 3rd_party extern _extern")
_LIKELY = words("vendor vendors lib libs lib2 lib3 ext external externals deps site packages")
_ENOUGH = 3  # packages of others beside each other

# Packages that many projects carry with them, by the name under which they are imported.
_OFTEN_COPIED = words(
    """
    appdirs apscheduler argparse attr attrs babelfish backports bencode blinker boto bs4 certifi chardet cheroot
    cherrypy click colorama configobj dateutil deluge_client docutils feedparser flask funcsigs future guessit html5lib
    httplib2 idna importlib_metadata importlib_resources itsdangerous jinja2 jsonschema lxml mako markdown markupsafe
    mutagen natsort netaddr oauthlib ordereddict paramiko pkg_resources ply psutil pyasn1 pycparser pygments pyparsing
    pytz rarfile requests rtorrent setuptools simplejson six soupsieve sqlalchemy tornado transmissionrpc
    typing_extensions tzlocal unidecode unrar2 urllib3 werkzeug xmltodict yaml zipp
    """
)


@query
def is_copied(file: File) -> bool:
    """Whether a file is a copy, by a directory around it and what lies beside it there."""
    around = directories(file)
    for depth, name in enumerate(around, 1):
        if name.lower() in _SURE:
            return True
        if name.lower() in _LIKELY and _holds_copies(file, len(around) - depth):
            return True
    return False


def _holds_copies(file: File, depth: int) -> bool:
    """Whether packages of others lie in the directory that is so far above a file's own."""
    place = file.path.parents[depth]
    modules = file.module.split(".")
    stem = file.path.with_suffix("").parts[-depth - 1 :]
    inside = len(stem) - (stem[-1] == "__init__")
    package = modules[: len(modules) - inside]
    found = 0
    for name in sorted(_OFTEN_COPIED):
        other = file.project.module_path(".".join([*package, name]), file)
        found += other is not None and place in (other.parent, other.parent.parent)
        if found == _ENOUGH:
            return True
    return False
