"""Chooses by name: ``--only`` and ``--skip``, each as often as wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mock_server.core.errors import UsageError


@dataclass(frozen=True, slots=True)
class Selection:
    """What has one of the words of ``only`` in one of its names (or anything, without them), and none of ``skip``."""

    only: Sequence[str] = ()
    skip: Sequence[str] = ()

    def takes(self, *names: str) -> bool:
        """Whether something of these names is chosen. Case does not count."""
        text = "\n".join(names).lower()
        wanted = not self.only or any(word.lower() in text for word in self.only)
        return wanted and not any(word.lower() in text for word in self.skip)

    def require_known(self, known: Sequence[str], what: str) -> None:
        """Raise UsageError for a word that none of the known names has, and for words that leave nothing."""
        text = "\n".join(known).lower()
        for flag, words in (("--only", self.only), ("--skip", self.skip)):
            for word in words:
                if not word.strip() or word.lower() not in text:
                    raise UsageError(f"{flag} {word!r}: there is no {what} with that in its name")
        if not any(self.takes(name) for name in known):
            raise UsageError(f"--only and --skip leave no {what}")
