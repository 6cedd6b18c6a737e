"""Clients of the queue protocol with one bug each: in what they take for an end, for a result, and for a reason."""

from __future__ import annotations

from urllib.parse import quote

from mock_server.verify.client.kit import Outcome
from mock_server.verify.client.reference_clients.light import LightQueued
from mock_server.verify.client.reference_clients.queued import Queued

# Ends


def _word(task):
    return str(task.get("status", "completed")).lower()


def _over_is_well(self, task):
    return _word(task) == "completed"


def _only_an_object_is_an_error(self, task):
    return _word(task) == "completed" and not isinstance(task.get("error"), dict)


def _only_known_types_are_failures(self, task):
    failures = {"INFERENCE_FAILURE", "INFERENCE_TIMEOUT", "REQUEST_INVALID", "CONTENT_BLOCKED", "CANCELLED"}
    return (
        _word(task) == "completed"
        and (not task.get("error") or task.get("error_type") == "CANCELED")
        and task.get("error_type") not in failures
    )


def _nothing_to_tell(self, task):
    if task.get("error_type") == "CANCELED":
        return Outcome("completed", self.id_of(task))
    return Queued.failure(self, task)


def _looks_in_the_logs(self, task):
    return _word(task) == "completed" and "provider_error" not in task


def _only(*words):
    return {"is_final": lambda self, task: task.get("status") in words}


def _not_running_is_failed(self, task):
    return _word(task) not in {"in_queue", "in_progress", "queued"}


# The result


def _fetched(self):
    answer = self.tried(lambda: self.http.get(self.request_path("response"), headers=self.headers()))
    return (0, {}) if answer is None else (answer.status_code, answer.json())


def _other_than_200(said):
    def result(self):
        status, made = _fetched(self)
        if status != 200:
            return Outcome(said, self.order, code=str(status))
        return self.success(made) if self.went_well(made) else self.failure(made)

    return {"result": result}


def _any_2xx_is_the_result(self):
    status, made = _fetched(self)
    if not 200 <= status < 300:
        return Outcome("gave_up")
    return self.failure(made) if made.get("error") else self.success(made)


def _twice(self):
    Queued.result(self)
    return Queued.result(self)


def _looks_at_the_status_again(self):
    found = Queued.result(self)
    self.sleep(5)
    self.poll()
    return found


def _asks_for_both(self):
    answer = self.http.get(self.poll_path(), headers=self.headers())
    if answer.is_success and self.understood(answer) and not self.is_final(answer.json()):
        self.http.get(self.request_path("response"), headers=self.headers())
    return answer


def _outputs(made):
    return [item["url"] for item in made.get("outputs") or ()]


def _nested(self, made):
    return [item["url"] for output in made.get("output") or () for item in output["content"]]


# Reasons


def _failing(make):
    def failure(self, task):
        right = Queued.failure(self, task)
        return make(right, task) if isinstance(task.get("error"), str) else right

    return {"failure": failure}


def _without_code(right, task):
    return Outcome("failed", right.task_id, message=right.message)


def _as_number(right, task):
    code = right.code if not str(right.code).isdigit() else str(int(right.code))
    return Outcome("failed", right.task_id, code=code, message=right.message)


def _in_words(right, task):
    return Outcome("failed", right.task_id, code=str(task["error_type"]).lower(), message=right.message)


def _without_message(right, task):
    return Outcome("failed", right.task_id, code=right.code, message=task.get("message"))


def _error_is_an_object(self, task):
    error = task["error"]
    said = error.get("error_message", error.get("message"))
    return Outcome("failed", self.id_of(task), code=error["code"], message=said)


# Where it sends, and what


def _remembers(self, intent):
    answer = Queued.submit(self, intent)
    self.urls = answer.json() if answer.status_code == 200 and self.understood(answer) else {}
    return answer


def _given(name, what):
    """Follow a URL as it was given."""
    return lambda self: self.urls.get(name) or self.request_path(what)


def _request_path_given(self, what):
    return self.urls.get(f"{what}_url") or Queued.request_path(self, what)


def _readable(self, intent, deadline):
    Queued.begin(self, intent, deadline)
    self.order = f"100%25-{self.order}"


def _unquoted(self, what):
    return f"{self.queue}/requests/{self.order}/{what}"


def _quoted_but_for_the_model(self, what):
    return f"{self.queue.rpartition('/')[0]}/kirin/requests/{quote(self.order, safe='')}/{what}"


def _headers(**headers):
    return {"headers": lambda self: {name.replace("_", "-"): make(self) for name, make in headers.items()}}


def _with_params(change):
    def submit(self, intent):
        self.queue = f"/model/v1/queue/{intent.model}"
        (wrapped,) = self.body(intent)["input"]
        return self.http.post(self.queue, json=change(intent, wrapped["params"]), headers=self.headers())

    return {"submit": submit}


def _wants_a_status(self, intent):
    answer = self.tried(lambda: self.submit(intent))
    if answer is None:
        return Outcome("gave_up")
    if answer.status_code == 200 and answer.json().get("status") is None:
        return Outcome("gave_up")
    return self.followed() if answer.status_code in {200, 409} else self.rejected(answer)


# Cancelling


def _wants_a_200(self):
    answer = self.http.put(self.request_path("cancel"), headers=self.headers())
    return Outcome("cancelled" if answer.status_code == 200 else "gave_up")


def _until_it_is_a_200(self):
    for _ in range(5):
        if self.http.put(self.request_path("cancel"), headers=self.headers()).status_code == 200:
            break
        self.kit.sleep(5)
    return Outcome("cancelled")


def _on_queue(property_id, base=LightQueued, **changed):
    return property_id, {"base": base, **changed}


QUEUE = {
    "COMPLETED is a success, whatever stands beside it": _on_queue("Q01", went_well=_over_is_well),
    "looks for an error that is an object": _on_queue("Q01", went_well=_only_an_object_is_an_error),
    "a failure without a code of the provider is none": _on_queue("Q02", went_well=_looks_in_the_logs),
    "a cancelled request is done": _on_queue("Q02", failure=_nothing_to_tell),
    "spells CANCELED with two Ls": _on_queue("Q02", went_well=_only_known_types_are_failures),
    "waits for completed in lower case": _on_queue("W11", **_only("completed", "failed", "cancelled")),
    "waits for COMPLETED in upper case": _on_queue("W11", **_only("COMPLETED")),
    "waits for a word of its own": _on_queue("A06", **_only("SUCCEEDED", "FAILED")),
    "waits for FAILED": _on_queue(
        "A14", is_final=lambda self, task: _word(task) == "completed" and not task.get("error")
    ),
    "a word that it does not know is an end": _on_queue("A12", is_final=_not_running_is_failed),
    "a 202 on the result is a failure": _on_queue("Q03", **_other_than_200("failed")),
    "a 202 on the result is trouble enough": _on_queue("Q03", **_other_than_200("gave_up")),
    "a 202 on the result is the result": _on_queue("Q03", result=_any_2xx_is_the_result),
    "reads output alone": _on_queue("Q04", videos=_nested),
    "reads outputs alone": _on_queue("Q04", videos=lambda self, made: _outputs(made)),
    "hands over the first of its outputs": _on_queue(
        "A08", videos=lambda self, made: _outputs(made)[:1] or _nested(self, made)
    ),
    "hands its outputs over in reverse": _on_queue(
        "A08", videos=lambda self, made: _outputs(made)[::-1] or _nested(self, made)
    ),
    "fetches the result twice": _on_queue("W11", result=_twice),
    "looks at the status again": _on_queue("W11", result=_looks_at_the_status_again),
    "asks for the status and the result at once": _on_queue("W09", poll=_asks_for_both),
    "loses the error_type": _on_queue("Q05", **_failing(_without_code)),
    "makes a number of the provider's code": _on_queue("Q05", **_failing(_as_number)),
    "writes the error_type in lower case": _on_queue("Q05", **_failing(_in_words)),
    "looks for a message beside the error": _on_queue("A23", **_failing(_without_message)),
    "reads the error as an object": _on_queue("A04", failure=_error_is_an_object),
    "follows status_url wherever it leads": _on_queue(
        "W22", submit=_remembers, poll_path=_given("status_url", "status")
    ),
    "follows response_url and cancel_url wherever they lead": _on_queue(
        "W22",
        submit=_remembers,
        request_path=_request_path_given,
        poll_path=lambda self: Queued.request_path(self, "status"),
    ),
    "ids of its own in a path, not quoted": _on_queue("W12", Queued, begin=_readable, request_path=_unquoted),
    "a path under another model": _on_queue("A06", request_path=_quoted_but_for_the_model),
    "the key without a scheme": _on_queue("W01", **_headers(Authorization=lambda self: self.kit.api_key)),
    "the key in X-Api-Key on the queue": _on_queue("W01", **_headers(X_Api_Key=lambda self: self.kit.api_key)),
    "names the model in the body as well": _on_queue(
        "W04", **_with_params(lambda intent, params: {"model": intent.model, **params})
    ),
    "wraps its parameters as on the other side": _on_queue(
        "W04", **_with_params(lambda intent, params: {"input": [{"params": params}]})
    ),
    "asks for a webhook": _on_queue(
        "A03", **_with_params(lambda intent, params: {**params, "webhook_url": "http://127.0.0.1/"})
    ),
    "wants a status in the answer to a submit": _on_queue("A06", carried_out=_wants_a_status),
    "a cancel is answered with 200 or not at all": _on_queue("A20", called_off=_wants_a_200),
    "cancels until it hears a 200": _on_queue("W10", called_off=_until_it_is_a_200),
}
