"""Finds a judge by its name and makes it: a name and options come in, a ``Judge`` goes out.

A name is ``openai``, the name of an entry point of the group ``llm_monitor.judges`` that an installed package
brings, or ``module:function``. What it leads to is called with the options, and gives the judge.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from monitor.errors import ConfigError
from monitor.explain import suggestion
from monitor.judges.judge import Judge

GROUP = "llm_monitor.judges"

#: Makes a judge of its options; raises ``ConfigError`` where they are wrong.
Factory = Callable[[Mapping[str, Any]], Judge]

_OURS = (EntryPoint("openai", "monitor.judges.openai:make", GROUP),)

#: Versions are stored in two bytes.
_MAX_VERSION = 32_767


def load_judge(name: str, options: Mapping[str, Any]) -> Judge:
    """The judge of this name, made with these options.

    Raises:
        ConfigError: there is none, it can't be loaded, or the options are wrong; says what would be right. No
            option's value is in the message, unless the judge's own maker put it there.
    """
    entry = _find(name)
    where = f"judge {name!r}" if name == entry.value else f"judge {name!r} ({entry.value})"
    try:
        factory: Factory = entry.load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"{where} can't be loaded: {error}") from None
    except Exception as error:  # noqa: BLE001 - the declared edge: a plug-in's module may raise anything
        raise ConfigError(f"{where} can't be loaded: its module raises {type(error).__name__}") from None
    try:
        judge = factory(options)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None
    except Exception as error:  # noqa: BLE001 - the declared edge: the message may hold an option's value
        raise ConfigError(f"{where} can't be made: it raises {type(error).__name__}") from None
    _check(judge, where)
    return judge


def _find(name: str) -> EntryPoint:
    """The entry point of this name.

    Raises:
        ConfigError: there is none, or more than one.
    """
    if ":" in name:
        return EntryPoint(name, name, GROUP)
    installed = [*_OURS, *entry_points(group=GROUP)]
    found: dict[str, EntryPoint] = {entry.value: entry for entry in installed if entry.name == name}
    if len(found) > 1:
        raise ConfigError(f"several packages bring a judge {name!r}: {', '.join(sorted(found))}")
    if not found:
        known = sorted({entry.name for entry in installed})
        raise ConfigError(
            f"no judge {name!r} is installed (a package brings one as an entry point of {GROUP!r};"
            f" module:function names any other){suggestion(name, known)}"
        )
    (entry,) = found.values()
    return entry


def _check(judge: Judge, where: str) -> None:
    """Whether it is a judge at all.

    Raises:
        ConfigError: it is not; says what is missing.
    """
    if not callable(getattr(judge, "judge", None)):
        raise ConfigError(f"{where}: what it makes has no method judge(call, scores, *, timeout_s)")
    version = getattr(judge, "version", None)
    if not isinstance(version, int) or not 1 <= version <= _MAX_VERSION:
        raise ConfigError(f"{where}: its version must be a whole number from 1 to {_MAX_VERSION}")
    cost = getattr(judge, "max_cost", None)
    if not isinstance(cost, int | float) or not math.isfinite(cost) or cost < 0:
        raise ConfigError(f"{where}: its max_cost must be a number of US dollars, 0 or more")
