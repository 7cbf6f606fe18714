"""How far a command has come: what is true of it when it fails, is interrupted, or cannot print."""

from __future__ import annotations

from dataclasses import dataclass

_BEGUN = "`scenecart placements` shows what was begun, `scenecart settle` finds out what became of it."


@dataclass
class Course:
    """What a command has done so far.

    Attributes
    ----------
    spends
        Whether it is about to buy something.
    has_asked
        Whether the service was asked for something.
    has_begun
        Whether buying has begun.
    deed
        What it has done that stays done, such as "Order 7 was placed"; empty before.
    """

    spends: bool = False
    has_asked: bool = False
    has_begun: bool = False
    deed: str = ""

    @property
    def told(self) -> list[str]:
        """What whoever interrupts it has to know."""
        if self.spends and self.has_begun and not self.deed:
            return [_BEGUN]
        return self.certain

    @property
    def certain(self) -> list[str]:
        """What is known for certain of what it did."""
        if self.deed:
            return [f"{self.deed}."]
        return ["Nothing was ordered."] if self.spends and not self.has_begun else []
