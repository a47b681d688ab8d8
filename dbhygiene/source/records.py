"""`Frozen`, `Record`, `Row`: immutable records that are quick to define.

class Endpoint(Record):
    host: str = ""               # Endpoint("db") == Endpoint(host="db")

A data class is compiled at each import, which takes 0.7 ms, and to import `dataclasses` takes 10 ms more; a named tuple
takes 0.1 ms. These are a large part of the time to check a small file.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, TypeVar

if TYPE_CHECKING:
    from typing import NamedTuple as Row

    from typing_extensions import dataclass_transform
else:

    def dataclass_transform(**_: object) -> Callable[[type], type]:
        return lambda cls: cls

    class Row(tuple):
        """Base of tuples with named fields: a `NamedTuple` of which few are made, since making one takes longer."""

        __slots__ = ()
        _fields = ()
        _field_defaults: ClassVar[dict[str, Any]] = {}

        def __init_subclass__(cls):
            super().__init_subclass__()
            cls._fields = cls.__match_args__ = own = tuple(cls.__annotations__)
            cls._field_defaults = {name: cls.__dict__[name] for name in own if name in cls.__dict__}
            for index, name in enumerate(own):
                setattr(cls, name, property(itemgetter(index)))

        def __new__(cls, *values, **named):
            names = cls._fields
            if named or len(values) < len(names):
                rest, given = names[len(values) :], cls._field_defaults | named
                values = (*values, *[given[name] for name in rest if name in given])
                named = named.keys() - set(rest)
            if named or len(values) != len(names):
                raise TypeError(f"{cls.__name__} has the fields {', '.join(names)}")
            return super().__new__(cls, values)

        def __getnewargs__(self):
            return tuple(self)

        def __repr__(self):
            return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self._asdict().items())})"

        def _asdict(self):
            return dict(zip(self._fields, self, strict=True))

        def _replace(self, **changes):
            return type(self)(**self._asdict() | changes)


__all__ = ["Frozen", "Record", "Row", "replace"]

FrozenT = TypeVar("FrozenT", bound="Frozen")


@dataclass_transform(frozen_default=True, eq_default=False)
class Frozen:
    """Base of immutable objects, equal to themselves only; the annotations in a class are its fields."""

    __match_args__: ClassVar[tuple[str, ...]] = ()
    _fields: ClassVar[frozenset[str]]
    _defaults: ClassVar[dict[str, Any]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        own = [name for name, kind in cls.__annotations__.items() if "ClassVar" not in str(kind)]
        cls.__match_args__ = (*cls.__match_args__, *own)  # type: ignore[misc]  # mypy wants a literal tuple
        cls._fields = frozenset(cls.__match_args__)
        cls._defaults = {**cls._defaults, **{name: cls.__dict__[name] for name in own if name in cls.__dict__}}
        for name in cls._defaults.keys() & own:
            delattr(cls, name)  # a function would be a method

    def __init__(self, *values: Any, **named: Any) -> None:
        known, names = self.__dict__, self.__match_args__
        known.update(self._defaults)
        known.update(zip(names, values, strict=False))
        known.update(named)
        is_wrong = len(values) > len(names) or len(known) != len(self._fields)
        if is_wrong or (named and not named.keys() <= {*names[len(values) :]}):
            raise TypeError(f"{type(self).__name__} has the fields {', '.join(self.__match_args__)}")

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__match_args__)
        return f"{type(self).__name__}({fields})"

    if not TYPE_CHECKING:  # which would take it that any attribute can be set

        def __setattr__(self, name: str, value: object) -> NoReturn:
            raise AttributeError(f"{type(self).__name__} is frozen: {name} cannot be set")

        def __delattr__(self, name: str) -> NoReturn:
            raise AttributeError(f"{type(self).__name__} is frozen: {name} cannot be deleted")


class Record(Frozen):
    """Base of immutable values: two are equal if their classes are the same, and all of their fields are equal."""

    _values: ClassVar[Any]  # of a record, those of its fields

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls._values = attrgetter(*cls.__match_args__) if cls.__match_args__ else type

    def __eq__(self, other: object) -> bool:
        return self is other or (type(self) is type(other) and bool(self._values(self) == self._values(other)))

    def __hash__(self) -> int:
        return hash(self._values(self))


def replace(value: FrozenT, **changes: object) -> FrozenT:
    """Return a copy with other values of these fields."""
    known = value.__dict__
    return type(value)(**{name: known[name] for name in value.__match_args__} | changes)
