"""The login of command-line clients: a device code that stands for a key, for a while (wire#3, after RFC 8628).

Nobody has to approve it: a client that has the code is given the key.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass

from mock_server.core.clock import Clock

#: Seconds of the clock that a code is valid for.
LIFETIME = 1800.0
#: How many codes are remembered; the oldest go first.
MAX_CODES = 1000
#: What user codes are written in: no vowels, so no words, and nothing that looks like something else (RFC 8628#6.1).
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"


@dataclass(frozen=True, slots=True)
class Login:
    """One login: the code that a client polls with, the one that a person compares, and the key it gives."""

    device_code: str
    user_code: str
    key: str
    expires_at: float


class Logins:
    """The logins that were begun. The ``number``-th has the same codes and key in every run with this seed."""

    def __init__(self, clock: Clock, seed: int) -> None:
        self.clock = clock
        self._seed = seed
        self._begun = 0
        self._by_code: OrderedDict[str, Login] = OrderedDict()

    def begin(self) -> Login:
        """A new login, from now on."""
        self._begun += 1
        login = Login(
            device_code=self._name("device", 20),
            user_code=_user_code(self._name("user", 8)),
            key=f"sk-{self._name('key', 20)}",
            expires_at=self.clock.now() + LIFETIME,
        )
        self._by_code[login.device_code] = login
        if len(self._by_code) > MAX_CODES:
            self._by_code.popitem(last=False)
        return login

    def find(self, device_code: str) -> Login | None:
        """The login of a code, expired or not; None for a code that nobody was given, or that is forgotten."""
        return self._by_code.get(device_code)

    def has_expired(self, login: Login) -> bool:
        """Whether its code has expired."""
        return self.clock.now() >= login.expires_at

    def clear(self) -> None:
        """Forget all."""
        self._by_code.clear()
        self._begun = 0

    def _name(self, kind: str, size: int) -> str:
        text = f"{self._seed}/login/{kind}/{self._begun}"
        return hashlib.blake2b(text.encode(), digest_size=size).hexdigest()


def _user_code(digits: str) -> str:
    number = int(digits, 16)
    letters = ""
    for _ in range(8):
        number, place = divmod(number, len(_LETTERS))
        letters += _LETTERS[place]
    return f"{letters[:4]}-{letters[4:]}"
