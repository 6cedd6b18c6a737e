"""Every fault there is."""

from __future__ import annotations

from typing import Annotated, Any, get_args

from pydantic import Field

from mock_server.scenarios.faults import api, callbacks
from mock_server.scenarios.faults.kinds import CallbackFault, CallFault

#: Any one of the faults, chosen by its ``fault``.
AnyFault = Annotated[
    api.Latency
    | api.RateLimited
    | api.ErrorAnswer
    | api.Reset
    | api.EmptyReply
    | api.Truncated
    | api.Malformed
    | api.Redirected
    | api.Compressed
    | api.WrongType
    | api.SlowDrip
    | api.Silence
    | api.LostAnswer
    | api.Expired
    | api.WrongLength
    | api.Corrupt
    | callbacks.Dropped
    | callbacks.Duplicated
    | callbacks.Reordered
    | callbacks.Late
    | callbacks.Early
    | callbacks.BadSignature
    | callbacks.StaleSignature
    | callbacks.UnknownFields
    | callbacks.ForeignId
    | callbacks.Garbage,
    Field(discriminator="fault"),
]

_FAULTS: tuple[Any, ...] = get_args(get_args(AnyFault)[0])
CALL_FAULTS: tuple[type[CallFault], ...] = tuple(one for one in _FAULTS if issubclass(one, CallFault))
CALLBACK_FAULTS: tuple[type[CallbackFault], ...] = tuple(one for one in _FAULTS if issubclass(one, CallbackFault))
