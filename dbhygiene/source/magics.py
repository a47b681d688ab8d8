"""`Blanked`: a cell without its magics: commands of IPython such as `%sql`, `!ls` and `name?`, which are no Python.

>>> blank("files = !ls {conn}").text
'files = _         '

The text keeps its length, so that lines and columns stay the same. A blanked command may use variables of the
notebook: their names are returned, too.
"""

from __future__ import annotations

import re

from dbhygiene.source.records import Record

EVERYTHING = "*"  # stands for all variables

# Cell magics that run the rest of the cell as Python, with the variables of the notebook.
_RUNS_CELL = frozenset({"capture", "debug", "ipytest", "memit", "prun", "time"})
# Cell magics whose cell is no Python. IPython replaces variables only in their first line.
_FOREIGN = frozenset(
    """
    bash sh script system cmd powershell html HTML javascript js latex markdown svg perl ruby R julia writefile file
    cython cpp python python2 python3 pypy
    """.split()
)
_FORGETTING = re.compile(r"%\s*(?:reset|reset_selective|rerun|recall|run\s+-i)\b")  # use or delete any variable
_WORD = re.compile(r"[^\W\d]\w*")
_EXPANDED = re.compile(r"[{$:][^{}\n]*")  # IPython expands `{name}` and `$name`, SQL magics `:name`

_LINE_END = r"(?:\r\n|\r|\n|\Z)"
_COMMAND = re.compile(r"[ \t\f]*(?=[%!?/,;])")  # no line of Python begins with one of these
_AUTOMAGIC = re.compile(  # IPython takes these without `%`, too
    r"(?:pip|conda|mamba|uv|load_ext|reload_ext|matplotlib|run|time|timeit|env|who|whos)[ \t]+"
    r"(?!(?:and|else|for|if|in|is|not|or)\b)(?=[\w\"'])"
    r"|(?:cd|ls|cat|cp|mkdir|mv|rm)[ \t]+(?!(?:and|else|for|if|in|is|not|or)\b)(?=[\w~]|\.\.|/\w)"
)
_CELL_MAGIC = re.compile(r"\s*%%(?P<name>\w*)[^\r\n]*")
_DATABRICKS = re.compile(r"\s*%(?:(?:md|scala|r|fs|sh)\b|sql[ \t]*[\r\n])")  # these run the whole cell
_REST = re.compile(rf"(?:\\(?:\r\n|\r|\n)|[^\r\n])*(?={_LINE_END})")  # of a command, which a backslash continues
_HELP = re.compile(r"\?{1,2}[ \t]*;?[ \t]*(?=[\r\n#]|\Z)")
_TOKEN = re.compile(
    r"""
    (?P<string>\"\"\"(?:\\.|[^\\])*?(?:\"\"\"|\Z) | '''(?:\\.|[^\\])*?(?:'''|\Z)
      | \"(?:\\(?:\r\n|.)|[^\\"\r\n])*\"? | '(?:\\(?:\r\n|.)|[^\\'\r\n])*'?)
    | (?P<comment>\#[^\r\n]*)
    | (?P<joined>\\(?:\r\n|\r|\n))
    | (?P<end>\r\n|\r|\n)
    | (?P<open>[(\[{]) | (?P<close>[)\]}])
    | (?P<assigned>=[ \t]*(?=[%!]))
    | (?P<help>\?)
    """,
    re.VERBOSE | re.DOTALL,
)


class Blanked(Record):
    """A cell without its magics, and the names that these mention; `EVERYTHING` if one may use any variable."""

    text: str
    names: frozenset[str] = frozenset()


def blank(source: str) -> Blanked:
    """Return a cell with each magic replaced by `_` and blanks; a cell of another language is all blanks."""
    if _DATABRICKS.match(source):
        return Blanked(_spaces(source))
    if (magic := _CELL_MAGIC.match(source)) is None:
        return _blank_lines(source, 0)
    if magic["name"] in _RUNS_CELL:
        below = _blank_lines(source, magic.end())
        return Blanked(_spaces(magic[0]) + below.text, below.names.union(_words(magic[0])))
    names = _words(" ".join(_EXPANDED.findall(magic[0] if magic["name"] in _FOREIGN else source)))
    if magic["name"] not in _FOREIGN | {"sql", "bigquery"}:
        return blank_all(source)  # a magic that we do not know may run its cell as Python
    return Blanked(_spaces(source), frozenset(names))


def blank_all(source: str) -> Blanked:
    """Return a cell that is all blanks, because it cannot be read; it may use all names in it."""
    return Blanked(_spaces(source), frozenset(_words(source)))


def _blank_lines(source: str, start: int) -> Blanked:
    """Return the text from an offset on, with the lines that are commands blanked."""
    parts: list[str] = []
    names: set[str] = set()
    done = line = start
    while line < len(source):
        begin, end, following = _command_in(source, line)
        if begin < end:
            command = source[begin:end]
            names |= _names(command)
            parts += (source[done:begin], "_", _spaces(command[1:]))
            done = end
        line = following
    return Blanked("".join(parts) + source[done:], frozenset(names))


def _command_in(source: str, line: int) -> tuple[int, int, int]:
    """Return start and end of the command in a logical line, equal if there is none; and the start of the next line."""
    head = _COMMAND.match(source, line)
    begin = head.end() if head else line if _AUTOMAGIC.match(source, line) else None
    if begin is not None:
        return _command(source, begin)
    depth = 0
    position = line
    while (token := _TOKEN.search(source, position)) is not None:
        position = token.end()
        match token.lastgroup:
            case "open":
                depth += 1
            case "close":
                depth = max(0, depth - 1)
            case "assigned" if depth == 0:
                return _command(source, token.end())
            case "help" if _HELP.match(source, token.start()):
                return _command(source, line + len(source[line:]) - len(source[line:].lstrip(" \t")))
            case "end" if depth == 0:
                return position, position, position
    return len(source), len(source), len(source)


def _command(source: str, begin: int) -> tuple[int, int, int]:
    rest = _REST.match(source, begin)
    end = rest.end() if rest else begin
    return begin, end, end + (2 if source.startswith("\r\n", end) else 1)


def _names(command: str) -> set[str]:
    """Return the names of variables that a command may use: of a shell's, only what IPython puts in."""
    if command.startswith("!"):
        return _words(" ".join(_EXPANDED.findall(command)))
    if command.endswith("?") or command.startswith("?"):
        return set()
    return {EVERYTHING} if _FORGETTING.match(command) else _words(command)


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text))


def _spaces(text: str) -> str:
    return re.sub(r"[^\r\n]", " ", text)
