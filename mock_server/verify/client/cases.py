"""Cases for a client: what a user wants, and all that happens on the way. ``drawing`` draws them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from mock_server.verify.client.case_parts import Expected, Further, Kill
from mock_server.verify.client.kit import Intent
from mock_server.verify.repertoire.forged import FORGED
from mock_server.verify.repertoire.genuine import GENUINE
from mock_server.verify.repertoire.nonsense import NONSENSE

DEADLINE = 900.0
#: Of longer texts only so much is shown.
LONG = 120


@dataclass(frozen=True, slots=True)
class ClientCase:
    """One run: the intent, what is to come of it, with which code, and the scenario that makes it so. The scenario says
    how the task goes over both protocols; a client speaks one of them. ``cancelled_elsewhere_after`` is when somebody
    else cancels the task, in seconds. ``forgeries`` are posted ``forge_after`` so many seconds; genuine callbacks come
    in a ``form``; an ``afterthought`` contradicts the end. Their names are those of ``forging``. ``further`` intents
    come after the first one, of the same client. ``kill`` says when the client is killed.
    """

    intent: Intent
    expected: Expected
    code: str | None
    scenario: Mapping[str, Any]
    deadline: float = DEADLINE
    cancel_after: float | None = None
    forge_after: float | None = None
    forgeries: Sequence[str] = ("guessed",)
    rotating: bool = False
    cancelled_elsewhere_after: float | None = None
    form: str | None = None
    afterthought: str | None = None
    further: Sequence[Further] = ()
    kill: Kill | None = None

    @property
    def scenarios(self) -> list[Mapping[str, Any]]:
        """The scenarios, those of further intents first: the first that is for a task decides."""
        return [*(one.scenario for one in self.further if one.scenario is not None), self.scenario]

    @property
    def parts(self) -> list[ClientCase]:
        """A case for each intent."""
        alone = ClientCase(self.intent, self.expected, self.code, self.scenario, self.deadline)
        others = [
            replace(alone, **{name: getattr(one, name) for name in ("intent", "expected", "code", "cancel_after")})
            for one in self.further
        ]
        return [replace(self, further=()), *others]

    def intent_for(self, *, receives: bool) -> Intent:
        """What a client is asked for: no callbacks of one that takes none."""
        return self.intent if receives else replace(self.intent, with_callbacks=False)

    def as_json(self) -> dict[str, Any]:
        """A plain value that ``of_json`` understands."""
        return asdict(self)

    @classmethod
    def of_json(cls, value: Mapping[str, Any]) -> ClientCase:
        """The case that a plain value is. Raises TypeError or KeyError for what is none."""
        value = dict(value)
        if "forgery" in value:  # as earlier versions kept it
            value["forgeries"] = (value.pop("forgery"),)
        if "forgeries" in value:
            value["forgeries"] = tuple(value["forgeries"])
        further = tuple(Further.of_json(one) for one in value.get("further", ()))
        kill = Kill(**value["kill"]) if value.get("kill") is not None else None
        return cls(**{**value, "intent": Intent(**value["intent"]), "further": further, "kill": kill})

    def told(self) -> list[str]:
        """What happens, in a few lines."""
        wishes = [("callbacks", self.intent.with_callbacks), ("download", self.intent.download)]
        wished = "".join(f", with {name}" for name, wish in wishes if wish)
        lines = [
            f"intent    {self.intent.model} {_short(dict(self.intent.params))}{wished}, within {self.deadline:g} s"
        ]
        task = self.scenario.get("task", {})
        if task:
            lines.append(f"task      {', '.join(f'{name}={value}' for name, value in task.items())}")
        lines += [f"fault     {', '.join(f'{k}={v}' for k, v in fault.items())}" for fault in self.scenario["faults"]]
        lines += self._callbacks()
        if self.cancelled_elsewhere_after is not None:
            lines.append(f"elsewhere somebody else cancels the task after {self.cancelled_elsewhere_after:g} s")
        if self.cancel_after is not None:
            lines.append(f"cancel    the user cancels after {self.cancel_after:g} s")
        lines += [f"then      {_short(dict(one.intent.params))}, expected {one.expected}" for one in self.further]
        if self.kill is not None:
            lines.append(
                f"killed    at call {self.kill.call}, {self.kill.moment}; started again {self.kill.down:g} s later"
            )
        if self.expected == "taken":
            lines.append("taken     somebody else's task has this external_task_id")
        return [*lines, f"expected  {self.expected}{f' with {self.code}' if self.code is not None else ''}"]

    def _callbacks(self) -> Iterator[str]:
        """How callbacks go, line by line."""
        if self.rotating:
            yield "secrets   two sign, the next one and the client's own"
        if self.forge_after is not None:
            for name in self.forgeries:
                yield f"forgery   somebody posts a callback after {self.forge_after:g} s: {says_of(name)}"
        if self.form is not None:
            yield f"form      {GENUINE[self.form].says}"
        if self.afterthought is not None:
            yield f"after     once the end was taken, a signed callback says: {self.afterthought}"


def says_of(name: str) -> str:
    """What a callback that is not to be believed is like."""
    return f"a forged success, {FORGED[name].says}" if name in FORGED else f"rightly signed, {NONSENSE[name].says}"


def _short(value: Any) -> Any:
    """A value to be shown: of long texts the beginning."""
    if isinstance(value, dict):
        return {name: _short(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_short(inner) for inner in value]
    if isinstance(value, str) and len(value) > LONG:
        return f"{value[:LONG]}... ({len(value)} characters)"
    return value
