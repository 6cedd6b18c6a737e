"""Broken servers: what bodies they accept, how they answer on the generation side, and how they call back."""

from __future__ import annotations

from mock_server.core.errors import Mistake
from mock_server.models import discover
from tests.support.broken import (
    Dropping,
    Falling,
    Mutant,
    NewId,
    NoRefunds,
    NoRetry,
    OnlyTheEnd,
    OtherBody,
    OtherType,
    Reordering,
    Reviving,
    SignedOtherwise,
    Twice,
    Unsigned,
    answers,
    bound,
    closed_within,
    codes,
    content,
    dropping,
    limits,
    listed,
    mistake,
    on,
    renamed,
    rules_told,
    setting,
    when,
    without_parameter,
    without_rule,
)
from tests.support.mutants.models import MASTER, MULTI, T2V, V1_5, V3

RULE, PAST, WITHIN = "refuses what breaks a rule", "refuses past each bound", "accepts up to each bound"
PICTURE, NO_PICTURE = "accepts pictures up to each limit", "refuses pictures past each limit"
LIFE, FAILS, CANCEL = "lives as documented", "fails as documented", "is cancelled as observed"
CALLS, UNIQUE, USERS = "calls back", "keeps external ids unique", "keeps users apart"
KEY, ODD = "wants a key", "answers odd calls"
FITS, MONEY = "answers fit the contract", "charges as shown"


LISTS, TELLS, PAGES, LOGIN = "lists its models", "tells its rules", "has pages", "logs in"
LIST, CONTRACT, PAGE = "/api/v1/skill/models", "/skill/model-contracts/", "/models/skill/kirin"
POLL, SUBMIT = "/task/", "/model/v1/generation"
MIB = 1024 * 1024

MUTANTS = [
    *(
        Mutant(f"forgets {rule.id}", model, PAST if rule.each else RULE, without_rule(rule.id))
        for model, endpoint in discover().items()
        for rule in endpoint.rules
        if rule.id != "v3-shots-add-up"
    ),
    Mutant("forgets that shots add up", V3, RULE, without_rule("v3-shots-add-up")),
    Mutant("allows a prompt of 2501", T2V, PAST, bound("prompt", "maxLength", 2501)),
    Mutant("allows no prompt of 2500", T2V, WITHIN, bound("prompt", "maxLength", 2499)),
    Mutant("allows a negative prompt of 2501", MASTER, PAST, bound("negative_prompt", "maxLength", 2501)),
    Mutant("allows five references", MULTI, PAST, bound("image_list", "maxItems", 5)),
    Mutant("allows three references only", MULTI, WITHIN, bound("image_list", "maxItems", 3)),
    Mutant("allows no reference", MULTI, PAST, bound("image_list", "minItems", 0)),
    Mutant("allows seven masks", V1_5, PAST, bound("dynamic_masks", "maxItems", 7)),
    Mutant(
        "allows 78 points", V1_5, PAST, bound("dynamic_masks", "maxItems", 78, "items", "properties", "trajectories")
    ),
    Mutant(
        "allows 76 points", V1_5, WITHIN, bound("dynamic_masks", "maxItems", 76, "items", "properties", "trajectories")
    ),
    Mutant(
        "allows one point", V1_5, PAST, bound("dynamic_masks", "minItems", 1, "items", "properties", "trajectories")
    ),
    Mutant("allows four elements", V3, PAST, bound("element_list", "maxItems", 4)),
    Mutant("allows a cfg_scale of 1.01", T2V, PAST, bound("cfg_scale", "maximum", 1.01)),
    Mutant("allows a cfg_scale below 0", V1_5, PAST, bound("cfg_scale", "minimum", -1)),
    Mutant("forgets 9:16", T2V, WITHIN, bound("aspect_ratio", "enum", ["16:9", "1:1"])),
    Mutant("makes three seconds", MASTER, PAST, bound("duration", "enum", ["5", "10", "10?"])),
    Mutant("forgets three seconds", V3, WITHIN, bound("duration", "enum", [str(s) for s in range(4, 16)])),
    Mutant("takes a number for a seed string", V1_5, PAST, bound("seed", "type", "number")),
    Mutant("does not know sound", V3, WITHIN, without_parameter("sound")),
    Mutant("does not know image_tail", V1_5, WITHIN, without_parameter("image_tail")),
    Mutant("refuses 10 MiB less a byte", V1_5, PICTURE, limits(0, max_bytes=10 * MIB - 2)),
    Mutant("takes 10 MiB where less is asked", MASTER, NO_PICTURE, limits(0, max_bytes=10 * MIB)),
    Mutant("takes a byte past 10 MiB", V3, NO_PICTURE, limits(0, max_bytes=10 * MIB + 1)),
    Mutant("forgets the aspect ratio", V1_5, NO_PICTURE, limits(0, aspect=False)),
    Mutant("asks it of a tail", V3, PICTURE, limits(1, aspect=True)),
    Mutant("has another code for an image", V1_5, NO_PICTURE, mistake(Mistake.IMAGE_FORMAT, "40001")),
    Mutant("has another code for an aspect", V1_5, NO_PICTURE, mistake(Mistake.ASPECT_RATIO, "00200302")),
    Mutant("has another code for a prompt", V1_5, PAST, mistake(Mistake.PROMPT, "40001")),
    Mutant("has another code for a duration", V1_5, PAST, mistake(Mistake.DURATION, "00200303")),
    Mutant("has another code for no image", V1_5, RULE, mistake(Mistake.IMAGE_MISSING, "00200302")),
    Mutant("has another code for the rest", MASTER, PAST, codes(other="40001")),
    Mutant("loses the zeros of a code", T2V, RULE, codes(other="2001099")),
    Mutant("has no code for a missing key", V1_5, KEY, codes(unauthenticated=None)),
    Mutant("says message for error_message", T2V, RULE, codes(message_key="message")),
    Mutant("says error_message for message", MULTI, PAST, codes(message_key="error_message")),
    Mutant("leaves out jobId", V3, FITS, content(jobId=None)),
    Mutant("adds a size", T2V, FITS, content(size=1)),
    Mutant("says image", MASTER, FITS, content(type="image")),
    Mutant("has a duration in words", V3, FITS, content(duration="five")),
    Mutant("has no metadata", T2V, FITS, edit=on(SUBMIT, dropping("metadata"))),
    Mutant("says created_at in words", T2V, FITS, edit=on(POLL, setting(created_at="now"))),
    Mutant("adds a field", MASTER, FITS, edit=on(POLL, setting(surprise=1))),
    Mutant(
        "has progress in percent",
        MULTI,
        FITS,
        edit=on(POLL, when("in_progress", lambda v: {**v, "progress": v["progress"] * 100})),
    ),
    Mutant("has an error when completed", V3, FITS, edit=on(POLL, when("completed", setting(error={})))),
    Mutant("shows output before the end", T2V, FITS, edit=on(POLL, when("in_progress", setting(output=[])))),
    Mutant("leaves usage out", V1_5, FITS, edit=on(POLL, when("completed", dropping("usage")))),
    Mutant(
        "says a cost as a number",
        T2V,
        FITS,
        edit=on(POLL, when("completed", setting(usage={"cost": 1, "discount": 1}))),
    ),
    Mutant("has an unknown status", T2V, FITS, edit=on(POLL, when("completed", setting(status="done")))),
    Mutant("lets progress fall", MASTER, LIFE, edit=on(POLL, Falling())),
    Mutant("revives a final task", T2V, LIFE, edit=on(POLL, Reviving())),
    Mutant(
        "starts half way",
        T2V,
        LIFE,
        edit=lambda m, p, s, v: (s, {**v, "progress": 0.5} if p == SUBMIT and s == 200 else v),
    ),
    Mutant(
        "fails with another code",
        V3,
        FAILS,
        edit=on(POLL, when("failed", setting(error={"code": "1", "error_message": "told to"}))),
    ),
    Mutant("has output when failed", T2V, FAILS, edit=on(POLL, when("failed", setting(output=[])))),
    Mutant("fails without an error", MULTI, FAILS, edit=on(POLL, when("failed", dropping("error")))),
    Mutant("cancels and still runs", V1_5, CANCEL, edit=on(POLL, when("failed", setting(status="in_progress")))),
    Mutant("takes an external id twice", T2V, UNIQUE, edit=answers(SUBMIT, 409, 200)),
    Mutant("shows tasks to everybody", T2V, USERS, edit=answers(POLL, 404, 200)),
    Mutant("wants no key", MASTER, KEY, edit=answers(SUBMIT, 401, 200)),
    Mutant("forbids what is unauthenticated", T2V, KEY, edit=answers(SUBMIT, 401, 403)),
    Mutant("breaks at bad JSON", "gateway", ODD, edit=answers(SUBMIT, 400, 500)),
    Mutant("does not mind another type", "gateway", ODD, edit=answers(SUBMIT, 415, 400)),
    Mutant("says 404 for a method", "gateway", ODD, edit=answers(SUBMIT, 405, 404)),
    Mutant("knows every model", "gateway", ODD, edit=answers(SUBMIT, 404, 200)),
    Mutant("drops callbacks", T2V, CALLS, courier=Dropping),
    Mutant("tells of the end only", MASTER, CALLS, courier=OnlyTheEnd),
    Mutant("calls twice", MULTI, CALLS, courier=Twice),
    Mutant("tells the end first", MASTER, CALLS, courier=Reordering),
    Mutant("keeps the money of cancelled tasks", V3, MONEY, edit=on("/balance", NoRefunds())),
    Mutant(
        "charges nothing",
        T2V,
        MONEY,
        edit=on("/balance", lambda v: {**v, "data": {**v["data"], "available_balance": "1.00"}}),
    ),
    Mutant("writes modalities small", T2V, LISTS, edit=on(LIST, listed(input_modalities=["text"]))),
    Mutant("says no subtype", V3, LISTS, edit=on(LIST, listed(model_subtype="video"))),
    Mutant(
        "does not know the names that clients show",
        MASTER,
        LISTS,
        edit=on(LIST, lambda v: {**v, "data": {**v["data"], "models": [], "total": 0}}),
    ),
    Mutant("gives no page of 500", MULTI, LISTS, edit=answers(LIST, 200, 400)),
    Mutant("closes what is inside", T2V, TELLS, edit=on(CONTRACT, closed_within("camera_control"))),
    Mutant(
        "has words of its own for rules", V1_5, TELLS, edit=on(CONTRACT, rules_told(renamed("at_least_one", "any")))
    ),
    Mutant("requires always", V3, TELLS, edit=on(CONTRACT, rules_told(dropping("when")))),
    Mutant("has no pages", MULTI, PAGES, edit=answers(PAGE, 200, 404)),
    Mutant("takes the search for a model", V1_5, PAGES, edit=answers("/models/skill/search", 200, 404)),
    Mutant("logs nobody in", "gateway", LOGIN, edit=on("/cli/token", setting(data={"status": "expired"}))),
    Mutant("does not know who it logged in", "gateway", LOGIN, edit=answers("/auth/me", 200, 401)),
    Mutant("does not sign", V3, CALLS, courier=Unsigned),
    Mutant("signs otherwise", V1_5, CALLS, courier=SignedOtherwise),
    Mutant("tells another story", T2V, CALLS, courier=OtherBody),
    Mutant("has a new id for each attempt", V3, CALLS, courier=NewId),
    Mutant("never tries again", V1_5, CALLS, courier=NoRetry),
    Mutant("calls in text", T2V, CALLS, courier=OtherType),
]
