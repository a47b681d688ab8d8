"""Makes the pages of the documentation that tell what the program tells: one for each rule, and the table of settings.

Nothing of it is committed: `write` is called when the documentation is built.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from dbhygiene.catalogue import all_rules
from dbhygiene.engine import OWN_CODES
from dbhygiene.keys import KEYS, Key, plain
from dbhygiene.model import AnyRule

FAMILIES = {
    "HYG1": ("The life of a connection", "Closed on every path, by its owner, once; `with` that does not close."),
    "HYG2": ("SQLAlchemy", "Engines, pools and sessions, Flask-SQLAlchemy's too."),
    "HYG3": ("Django", "The implicit connection across waits, threads and transactions."),
    "HYG4": ("Lost connections", "Retries and reconnects."),
    "HYG5": ("The server's settings", "Code that goes against what the server allows."),
    "HYG0": ("About the run itself", "A file that cannot be read, a comment that silences nothing."),
}
_OWN = {
    "HYG000": "An error of dbhygiene's own, with its place. It is never silenced, and the run ends with exit status 2.",
    "HYG001": "A file that does not parse: told if it is named on the command line, or if it speaks of a database.",
    "HYG003": "A file or directory that cannot be read.",
}
_FIXED = re.compile(r"^```python fixed(?P<unsafe> unsafe)?$", re.M)


def write(docs: Path) -> None:
    """Write the generated pages below `docs`, and take away those of rules that are no more."""
    rules = docs / "rules"
    rules.mkdir(exist_ok=True)
    texts = {f"{rule.name}.md": page(rule) for rule in all_rules()}
    texts["index.md"] = index()
    for old in rules.glob("*.md"):
        if old.name not in texts:
            old.unlink()
    for name, text in texts.items():
        _write(rules / name, text)
    (docs / "_generated").mkdir(exist_ok=True)
    _write(docs / "_generated" / "settings.md", settings())


def _write(path: Path, text: str) -> None:
    """Write a file, if it has another text: Sphinx reads again what is newer."""
    if not path.exists() or path.read_text("utf-8") != text:
        path.write_text(text, "utf-8")


# -- rules ----------------------------------------------------------------------------------------------


def page(rule: AnyRule) -> str:
    """The page of a rule: its docstring, below its name."""
    summary, _, rest = rule.doc.strip().partition("\n")
    off = "" if rule.default else "\n\n*This rule is off by default: select it by its name or code.*"
    rest = captioned(rest)
    if rule.code in _ABOUT_COMMENTS:
        return f"# {rule.name} ({rule.code})\n\n{summary}{off}\n{rest.rstrip()}\n"
    silence = f"\n\n## Silence it\n\n```python\n# dbhygiene: ignore[{rule.name}] the reason\n```\n\n"
    silence += "[More about comments that silence findings](../silencing.md)\n"
    return f"# {rule.name} ({rule.code})\n\n{summary}{off}\n{rest.rstrip()}{silence}\n"


_ABOUT_COMMENTS = ("HYG002", "HYG004")


def captioned(text: str) -> str:
    """A page whose fixed examples say what they are."""
    after = r"```{code-block} python\n:caption: what `dbhygiene fix\g<unsafe>` makes of it\n"
    text = _FIXED.sub(after, text).replace("dbhygiene fix unsafe", "dbhygiene fix --unsafe-fixes")
    return text.replace("```python possible\n", "```python\n")


def index() -> str:
    """All rules, by family."""
    words = "The comments `# HYG101` in the examples say where a finding is expected; the tests hold every one of them."
    text = f"# Rules\n\n{words}\n"
    by_code: dict[str, tuple[str, str, bool]] = {
        rule.code: (f"[{rule.name}]({rule.name}.md)", rule.summary, rule.default) for rule in all_rules()
    }
    by_code |= {code: (name, _OWN[code], True) for code, name in OWN_CODES.items()}
    for prefix, (title, about) in FAMILIES.items():
        rows = [(code, row) for code, row in sorted(by_code.items()) if code.startswith(prefix)]
        if rows:
            text += f"\n## {title}\n\n{about}\n\n| code | rule | what it finds |\n|---|---|---|\n"
            text += "".join(
                f"| {c} | {name} | {what}{'' if on else ' *Off by default.*'} |\n" for c, (name, what, on) in rows
            )
    families = list(FAMILIES)
    rules = sorted(all_rules(), key=lambda rule: (families.index(rule.code[:4]), rule.code))
    names = "\n".join(rule.name for rule in rules)
    return f"{text}\n```{{toctree}}\n:hidden:\n\n{names}\n```\n"


# -- settings -------------------------------------------------------------------------------------------


def settings() -> str:
    """Every key, with its kind, default, meaning and example."""
    return "\n".join(_key(key) for key in KEYS)


def _key(key: Key) -> str:
    variable = f"`DBHYGIENE_{key.field.upper()}`"
    facts = "; ".join([key.kind.name, *_default(key), f"variable {variable}"])
    table = key.example if key.example.startswith("[") else f"[tool.dbhygiene]\n{key.example}"
    return f"### {key.name}\n\n{key.meaning}\n\n*{facts}*\n\n```toml\n{table}\n```\n"


def _default(key: Key) -> Iterator[str]:
    if key.default not in (None, "", (), {}):
        yield f"default `{json.dumps(plain(key.default))}`"
