"""The list of a family of methods, each under its name, with the options that it brings along.

A family is a package with a `Registry`; a member is one file in it, which registers itself. There is no second list:
the configuration, `--help`, the key tables of docs/keys.md and net.conf and the contract tests ask the registry.

Members may share an option, be they of one family or of two: it is one key, whose one value each of them is told. That
has to be meant, so they register the same `Option`. Two that differ, if only in the function that reads them, cannot
have one name: those of one family are refused when they register, others when the keys are gathered (`settings.keys`).
"""

from __future__ import annotations

import pkgutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import update_wrapper
from importlib import import_module
from inspect import Parameter, Signature, getdoc, signature
from numbers import Real
from operator import getitem
from textwrap import indent
from typing import Any, Generic, TypeVar

from hscd.system.errors import InputError, nearest, shown

T = TypeVar("T")
S = TypeVar("S")


@dataclass(frozen=True)
class Option:
    """One key of the configuration: how its text is read, what is allowed, and what it is for.

    `parse` raises ValueError for what is not allowed. An option without a default must be given. Where the default is
    None, `otherwise` says what counts then.

    Tables read "{help}: {allowed} (default: {default})", so `help` is what the value is, and `allowed` what it may be.
    """

    name: str
    parse: Callable[[str], Any]
    allowed: str
    default: Any = ...
    help: str = ""
    otherwise: str = ""

    def read(self, value: Any) -> Any:
        """A value that a caller gave: a number as it is, anything else read as its text in a configuration file.

        Raises:
            InputError: if it is not allowed.
        """
        if value is self.default:
            return value
        try:
            read = self.parse(", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value))
        except (ValueError, OverflowError):
            raise InputError(f"{self.name}: {self.allowed} expected, received {shown(value)}") from None
        # Texts may be in other units, as 5 for 5 %; numbers are in those of the default.
        return value if isinstance(value, Real) else read


class Registry(Mapping[str, T], Generic[T]):
    """The members of a family by name, in the order of their names."""

    def __init__(self, family: str, package: str | None = None) -> None:
        """An empty list.

        Args:
            family: what a member is called, for errors.
            package: name of the package whose modules register the members; each is imported when the list is first
                looked at, so a member's module must not import anything slow. Its docstring is the list's, for `help`.
        """
        if package is not None and package in sys.modules:
            self.__doc__ = sys.modules[package].__doc__
        self.family = family
        self._package = package
        self._members: dict[str, T] = {}
        self._options: dict[str, tuple[Option, ...]] = {}
        self._followed: list[Callable[[], Mapping[str, T]]] = []

    def __repr__(self) -> str:
        return f"<{self.family}: {', '.join(self)}>"

    def add(self, name: str, member: T, *options: Option) -> T:
        """Make a member known.

        Raises:
            ValueError: if another one has its name, or an option its name but not its meaning.
        """
        if self._members.get(name, member) is not member:
            raise ValueError(f"two {self.family}s are named {name!r}")
        known = {option.name: option for found in self._options.values() for option in found}
        for option in options:
            if known.get(option.name, option) != option:
                raise ValueError(f"two different options of {self.family}s are named {option.name!r}")
        self._members[name] = member
        self._options[name] = options
        return member

    def register(self, name: str, *options: Option) -> Callable[[T], T]:
        """Decorator that makes a function or class known under a name."""
        return lambda member: self.add(name, member, *options)

    def follow(self, other: Registry[S], make: Callable[[S], T]) -> None:
        """Have a member of this family for each one of another, also of those that come later."""
        made: dict[str, T] = {}

        def members() -> dict[str, T]:
            for name in other:
                if name not in made:
                    made[name] = make(other[name])
            return {name: made[name] for name in other}

        self._followed.append(members)

    def options(self, name: str) -> tuple[Option, ...]:
        """What a member can be told."""
        self[name]
        return self._options.get(name, ())

    def all_options(self) -> tuple[Option, ...]:
        """The options of all members, each once."""
        return tuple({option.name: option for name in self for option in self.options(name)}.values())

    def _all(self) -> dict[str, T]:
        if self._package is not None:
            package, self._package = self._package, None
            for module in pkgutil.iter_modules(sys.modules[package].__path__):
                import_module(f"{package}.{module.name}")
        followed = {name: member for members in self._followed for name, member in members().items()}
        every = followed | self._members
        # Not in the order in which they came: that is the order in which others happened to import them.
        return {name: every[name] for name in sorted(every)}

    def plain(self, name: str) -> T:
        """A member as it was added, for calls with options that were read already.

        Raises:
            KeyError: if there is none of this name.
        """
        try:
            return self._all()[name]
        except KeyError:
            near = nearest(name, self._all()) if isinstance(name, str) else ""
            raise KeyError(f"no {self.family} {name!r}{near}; known: {', '.join(self._all())}") from None

    def __getitem__(self, name: str) -> T:
        return self.plain(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())


class Member(Generic[S]):
    """A function or class of a family as users get it: a call that is wrong raises an `InputError`.

    It has the attributes of the member, stands for a class in `isinstance` and among the bases of another class, and a
    pickle holds its name.
    """

    def __init__(self, family: Functions[S], name: str, member: Callable[..., S], example: str = "") -> None:
        """A member of a family; `example` is for the docstrings of those that have none."""
        # Not what is in the class: `__getattr__` finds that, and what the class inherits.
        update_wrapper(self, member, updated=())
        self.__wrapped__ = member
        self._family, self._key = family, name
        self._takes: Signature | None = None
        with suppress(TypeError, ValueError):  # some builtins have none
            self._takes = signature(member)
        if example and "Example:" not in (text := getdoc(member) or ""):
            self.__doc__ = f"{text}\n\nExample:\n{indent(example.format(name=name), '    ')}"

    def __call__(self, *given: Any, **named: Any) -> S:
        given = self._family.meant(self._key, given, named)
        if self._takes is None:
            return self.__wrapped__(*given, **named)
        self._require_known(named, self._takes)
        try:
            bound = self._takes.bind(*given, **named)
        except TypeError as error:
            raise self._family.misuse(self._key, str(error)) from None
        for option in self._family.options(self._key):
            if option.name in bound.arguments:
                bound.arguments[option.name] = option.read(bound.arguments[option.name])
        return self.__wrapped__(*bound.args, **bound.kwargs)

    def _require_known(self, named: Mapping[str, Any], takes: Signature) -> None:
        known = takes.parameters
        if any(parameter.kind is Parameter.VAR_KEYWORD for parameter in known.values()):
            return
        if unknown := [key for key in named if key not in known]:
            others = f"; its arguments are {', '.join(known)}" if known else "; it has none"
            meant = nearest(unknown[0], known) or others
            raise InputError(f"{unknown[0]}: no argument of {self._family.family} {self._key}{meant}")

    def __getattr__(self, name: str) -> Any:
        if name == "__wrapped__":  # before there is one
            raise AttributeError(name)
        return getattr(self.__wrapped__, name)

    def __instancecheck__(self, value: object) -> bool:
        return isinstance(value, self.__wrapped__)  # type: ignore[arg-type]

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[Any, ...]:
        return (self.__wrapped__,)

    def __reduce__(self) -> tuple[Any, ...]:
        return getitem, (self._family, self._key)

    def __repr__(self) -> str:
        known = self._takes.parameters if self._takes else {}
        takes = Signature([parameter.replace(annotation=Parameter.empty) for parameter in known.values()])
        return f"<{self._family.family} {self._key}{takes if self._takes else ''}>"


class Functions(Registry[Callable[..., S]]):
    """A family of functions, or of classes: whoever calls one wrongly is told how it is used, by an `InputError`.

    Options are read by `Option.read`; the program, which has read them, calls the `plain` members.
    """

    def __init__(self, family: str, package: str | None, usage: str, example: str = "") -> None:
        """An empty list.

        Args:
            family: as of `Registry`.
            package: as of `Registry`.
            usage: how a member {name} is used, for errors.
            example: lines that use a member {name}, for the docstrings of those that have none.
        """
        super().__init__(family, package)
        if package is not None:
            self.__module__ = package  # where a pickle looks for it
        self._usage, self._example = usage, example
        self._checked: dict[str, Member[S]] = {}

    def __getitem__(self, name: str) -> Callable[..., S]:
        member, known = self.plain(name), self._checked.get(name)
        if known is None or known.__wrapped__ is not member:
            known = self._checked[name] = Member(self, name, member, self._example)
        return known

    def __reduce__(self) -> str | tuple[Any, ...]:
        """Its name in its package, by which a pickle finds it."""
        there = vars(sys.modules[self.__module__])
        return next((name for name, value in there.items() if value is self), super().__reduce__())

    def meant(self, name: str, given: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
        """The positional arguments of a call of a member, to which `named` may be changed; families check theirs.

        Raises:
            InputError: if no such arguments can be meant.
        """
        return given

    def misuse(self, name: str, what: str) -> InputError:
        """The error of a call in which something is wrong."""
        return InputError(f"{self.family} {name}: {what}; {self._usage.format(name=name)}")
