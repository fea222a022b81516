"""Named choices where the sources of an API leave its behaviour open."""

from collections.abc import Mapping


class Switches:
    """A fixed set of names, each with its allowed values; the first value of each is the default."""

    def __init__(self, choices: Mapping[str, tuple[str, ...]]) -> None:
        self._choices = choices
        self._values = {name: allowed[0] for name, allowed in choices.items()}

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def set(self, name: str, value: str) -> None:
        """Choose a value.

        Raises:
            ValueError: no such switch, or no such value; names what there is.
        """
        allowed = self._choices.get(name)
        if allowed is None:
            raise ValueError(f"no switch {name!r}; there are: {', '.join(self._choices)}")
        if value not in allowed:
            raise ValueError(f"switch {name} takes {', '.join(allowed)}, not {value!r}")
        self._values[name] = value

    def changed(self) -> bool:
        """Whether any switch is away from its default."""
        return any(self._values[name] != allowed[0] for name, allowed in self._choices.items())

    def values(self) -> dict[str, str]:
        """Every switch with its present value."""
        return dict(self._values)
