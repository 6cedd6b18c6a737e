"""Clients with one bug each in what they send: headers, the writing of JSON, and parameters."""

from __future__ import annotations

import html
import json
import unicodedata
from urllib.parse import quote

from mock_server.verify.client.reference_clients.reference import SUBMIT, Policy, Reference

PROMPTS = frozenset({"prompt", "negative_prompt"})
PICTURES = frozenset({"image", "image_tail", "static_mask"})


def params(change):
    """Other parameters in the body, from those that are right; ours are among them."""

    def body(self, intent):
        made = Policy.body(self, intent)
        (wrapped,) = made["input"]
        wrapped["params"] = change(wrapped["params"])
        return made

    return {"body": body}


def values(of, change):
    """Other values for those of the parameters that are there."""
    return params(lambda sent: {name: change(value) if name in of else value for name, value in sent.items()})


def each(kind, change):
    """Other values for those of a type."""
    return params(lambda sent: {name: change(one) if type(one) is kind else one for name, one in sent.items()})


def posted(write, content_type="application/json"):
    """A body that is written by hand, sent with httpx."""
    named = {"Content-Type": content_type} if content_type else {}

    def submit(self, intent):
        return self.http.post(SUBMIT, content=write(self.body(intent)), headers={**self.headers(), **named})

    return {"base": Reference, "submit": submit}


def headers(make):
    """Other headers, made from the key."""
    return {"headers": lambda self: make(self.kit.api_key)}


def _by_template(body):
    found = dict(body["input"][0]["params"])
    prompt = found.pop("prompt", "")
    return f'{{"model": "{body["model"]}", "input": [{{"params": {{"prompt": "{prompt}", {json.dumps(found)[1:]}}}]}}'


def _merged_as_text(body):
    return json.dumps({"model": "kirin_v1_t2v"})[:-1] + ", " + json.dumps(body)[1:]


def _nan(body):
    body["input"][0]["params"]["cfg_scale"] = float("nan")
    return json.dumps(body)


def _as_form(self, intent):
    wrapped = self.body(intent)["input"][0]["params"]
    fields = {name: json.dumps(value) for name, value in wrapped.items()}
    return self.http.post(SUBMIT, data={"model": intent.model, **fields}, headers=self.headers())


def _into_one_default(self, intent, sent={}):  # noqa: B006 - that is the bug
    made = Policy.body(self, intent)
    sent.update(made["input"][0]["params"])
    return {**made, "input": [{"params": sent}]}


def _without(*names):
    return params(lambda sent: {name: value for name, value in sent.items() if name not in names})


def _deep_zeros(value):
    if isinstance(value, dict):
        return {name: _deep_zeros(inner) for name, inner in value.items() if inner not in (0, "", None)}
    return [_deep_zeros(inner) for inner in value] if isinstance(value, list) else value


SENDING = {
    "no Bearer": ("W01", headers(lambda key: {"Authorization": key})),
    "Basic in place of Bearer": ("W01", headers(lambda key: {"Authorization": f"Basic {key}"})),
    "the key in a header of its own": ("W01", headers(lambda key: {"X-API-Key": key})),
    "a key that was never set": ("W01", headers(lambda key: {"Authorization": "Bearer "})),
    "polls without the key": ("W01", {"poll": lambda self: self.http.get(self.poll_path())}),
    "text as content type": ("W02", posted(json.dumps, "text/plain")),
    "no content type": ("W02", posted(json.dumps, None)),
    "a form in place of JSON": ("W02", {"base": Reference, "submit": _as_form}),
    "NaN for what is not set": ("W03", posted(_nan)),
    "repr in place of JSON": ("W03", posted(repr)),
    "JSON from a template": ("W03", posted(_by_template)),
    "JSON in Latin-1": (
        "W03",
        posted(lambda body: json.dumps(body, ensure_ascii=False).encode("latin-1", "replace")),
    ),
    "two JSON texts joined": ("W03", posted(_merged_as_text)),
    "null for what is not set": ("W04", params(lambda sent: {"negative_prompt": None, **sent})),
    "the duration as a number": ("W04", values({"duration"}, int)),
    "a flag as text": ("W04", each(bool, lambda flag: str(flag).lower())),
    "a seed, which no model has": ("W04", params(lambda sent: {**sent, "seed": 42})),
    "names its parameters in camel case": (
        "W04",
        params(lambda sent: {"externalTaskId" if name == "external_task_id" else name: sent[name] for name in sent}),
    ),
    "pictures as bare URLs": ("W04", values({"image_list"}, lambda pictures: [one["image"] for one in pictures])),
    "the shape of another model": (
        "W04",
        {"body": lambda self, intent: {"model": intent.model, "data": Policy.body(self, intent)["input"][0]["params"]}},
    ),
    "drops false, zero and empty": (
        "A01",
        params(lambda sent: {name: value for name, value in sent.items() if value}),
    ),
    "knows no negative prompt": ("A01", _without("negative_prompt")),
    "forgets the flags of the model's last version": ("A01", _without("watermark_info", "sound", "cfg_scale")),
    "leaves out what it takes for the default": (
        "A01",
        params(lambda sent: {name: value for name, value in sent.items() if (name, value) != ("duration", "5")}),
    ),
    "strips the prompt": ("A02", values(PROMPTS, str.strip)),
    "cuts the prompt": ("A02", values(PROMPTS, lambda text: text[:200])),
    "folds the prompt to ASCII": (
        "A02",
        values(PROMPTS, lambda text: unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()),
    ),
    "puts the prompt in one line": ("A02", values(PROMPTS, lambda text: " ".join(text.splitlines()))),
    "escapes the prompt for a page": ("A02", values(PROMPTS, html.escape)),
    "puts a style before the prompt": ("A02", values(PROMPTS, lambda text: f"cinematic, 4k, {text}")),
    "writes one decimal": (
        "A02",
        params(lambda sent: json.loads(json.dumps(sent), parse_float=lambda written: round(float(written), 1))),
    ),
    "a number as a whole": ("A02", values({"cfg_scale"}, int)),
    "drops zeros deep inside": ("A02", params(_deep_zeros)),
    "adds a default": ("A03", params(lambda sent: {"mode": "std", **sent})),
    "adds an empty negative prompt": ("A03", params(lambda sent: {"negative_prompt": "", **sent})),
    "adds what the last intent had": ("A03", {"body": _into_one_default}),
    # A body that is mended until it is taken
    "mends the duration": ("A19", values({"duration"}, lambda given: given if given in {"5", "10"} else "5")),
    "mends the mode": ("A19", values({"mode"}, lambda given: given if given in {"std", "pro"} else "std")),
    "cuts a prompt that is too long": ("A19", values({"prompt"}, lambda given: given[:2500])),
    "data: before a picture": ("A02", values(PICTURES, lambda url: f"data:image/png;base64,{url}")),
    "quotes a URL that is quoted": ("A02", values(PICTURES, lambda url: quote(url, safe=":/?&="))),
}
