"""seaart-sdk on the generation side: create, get, wait and the errors, with its documented options only.

It sleeps in real time between two polls, for as long as its own option says: no time at all here.
"""

from __future__ import annotations

import pytest
import seaart_sdk as sa
from wiring import CODES, KEY, MASTER, MODELS, MULTI, T2V, V3, V15, assert_plays, example, told_to_fail

AT_ONCE = sa.WithPollInterval(0)
BOAT = {"model": T2V, "prompt": "a paper boat"}


def documented(model, params):
    """The body of a submit as the model's document has it."""
    return {"model": model, "data": params} if model == V15 else {"model": model, **params}


@pytest.mark.parametrize("model", MODELS)
def test_create_and_wait_give_a_playable_video(seaart, kirin, http, model):
    params = example(kirin, http, model)
    made = seaart.modal.create(documented(model, params))
    assert (made.status, made.model, made.error) == ("in_progress", model, None)
    done = made.wait(AT_ONCE)
    assert (done.id, done.status, done.model) == (made.id, "completed", model)
    [url] = done.urls()
    answer = http.get(
        f"{kirin.url}/model/v1/queue/{model}/requests/{done.id}/response", headers={"Authorization": f"Key {KEY}"}
    )
    [item] = answer.json()["outputs"]
    assert item["url"] == url
    assert_plays(http.get(url).content, item, params)
    assert bool(done.output[0].content[0].job_id) == (model in {MULTI, V3})
    assert done.usage.cost_float64() > 0
    assert done.metadata.completed_at >= done.metadata.in_queue_at > 1e12


@pytest.mark.parametrize("model", MODELS)
def test_the_wrapper_is_as_good_a_body(seaart, kirin, http, model):
    made = seaart.modal.create({"model": model, "input": [{"params": example(kirin, http, model)}]})
    assert seaart.modal.wait(made.id, AT_ONCE).status == "completed"


@pytest.mark.parametrize("model", MODELS)
def test_get_shows_a_task_as_it_stands(seaart, kirin, http, model):
    made = seaart.modal.create(documented(model, example(kirin, http, model)))
    task = seaart.modal.get(made.id)
    assert (task.id, task.status, task.model, task.error) == (made.id, "completed", model, None)
    assert len(task.urls()) == 1


@pytest.mark.parametrize("model", MODELS)
def test_wait_follows_the_progress(standing, http, model):
    seaart = sa.Client(sa.ClientConfig(api_key=KEY, base_url=standing.url))
    seen, steps = [], iter([0.5, 10, 0])

    def on_update(status, progress):
        seen.append((status, progress))
        standing.clock.advance(next(steps))

    made = seaart.modal.create(documented(model, example(standing, http, model)))
    done = made.wait(AT_ONCE, sa.WithPollCallback(on_update))
    assert [status for status, _ in seen] == ["in_progress", "in_progress", "completed"]
    assert seen[0][1] == 0 < seen[1][1] < 1
    assert seen[2][1] == 0, "progress is there while a task is in progress only, and 0 stands for none"
    assert len(done.urls()) == 1


@pytest.mark.parametrize("model", [V15, T2V, V3, MASTER])
def test_wait_for_a_failing_task_raises_its_message(seaart, kirin, http, model):
    params = told_to_fail(example(kirin, http, model), f"fail={CODES[model]} message='no luck today'")
    made = seaart.modal.create(documented(model, params))
    with pytest.raises(sa.SeaArtError, match=r"^task failed: no luck today ") as caught:
        made.wait(AT_ONCE)
    assert (caught.value.kind, caught.value.task_id) == (sa.ERR_TASK_FAILED, made.id)
    task = seaart.modal.get(made.id)
    assert (task.status, task.error.code, task.error.error_message) == ("failed", CODES[model], "no luck today")


def test_the_message_of_multi_is_lost_as_it_is_under_another_name(seaart, kirin, http):
    params = told_to_fail(example(kirin, http, MULTI), f"fail={CODES[MULTI]} message='no luck today'")
    made = seaart.modal.create({"model": MULTI, **params})
    with pytest.raises(sa.SeaArtError, match=r"^task failed \(task_id: ") as caught:
        made.wait(AT_ONCE)
    assert caught.value.kind == sa.ERR_TASK_FAILED
    task = seaart.modal.get(made.id)
    assert (task.error.code, task.error.error_message) == (CODES[MULTI], "")


def test_a_cancelled_task_is_a_failed_one(standing):
    seaart = sa.Client(sa.ClientConfig(api_key=KEY, base_url=standing.url))
    made = seaart.modal.create(BOAT)
    standing.cancel(made.id)
    with pytest.raises(sa.SeaArtError, match=r"^task failed: ") as caught:
        made.wait(AT_ONCE)
    assert caught.value.kind == sa.ERR_TASK_FAILED


@pytest.mark.parametrize("model", [V15, T2V, V3, MASTER])
def test_a_body_that_breaks_its_document_is_refused_in_the_servers_words(seaart, kirin, http, model):
    with pytest.raises(sa.SeaArtError, match="durations") as caught:
        seaart.modal.create(documented(model, {**example(kirin, http, model), "durations": "5"}))
    assert (caught.value.kind, caught.value.status) == (sa.ERR_GENERAL, 400)


def test_what_multi_refuses_is_told_by_its_http_status_only(seaart):
    with pytest.raises(sa.SeaArtError, match=r"^Bad Request$") as caught:
        seaart.modal.create({"model": MULTI, "prompt": "a paper boat"})
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("body", "status", "message", "kind"),
    [
        ({"model": "kirin_v9", "prompt": "a"}, 404, "Not Found", sa.ERR_GENERAL),
        ({**BOAT, "prompt": "[[mock: refuse=40201]]"}, 402, "Payment Required", sa.ERR_GENERAL),
        ({**BOAT, "prompt": "[[mock: refuse=40301]]"}, 403, "Forbidden", sa.ERR_AUTH),
        ({**BOAT, "prompt": "[[mock: refuse=42901]]"}, 429, "Too Many Requests", sa.ERR_QUOTA),
        ({**BOAT, "prompt": "[[mock: refuse=50301]]"}, 503, "Service Unavailable", sa.ERR_GENERAL),
    ],
)
def test_what_the_gateway_refuses_is_told_by_its_http_status_only(seaart, body, status, message, kind):
    with pytest.raises(sa.SeaArtError, match=f"^{message}$") as caught:
        seaart.modal.create(body)
    assert (caught.value.status, caught.value.kind) == (status, kind)


def test_the_sdks_own_builder_makes_a_body_that_no_document_of_the_five_knows(seaart):
    body = sa.NewTask(T2V).user(sa.Text("a paper boat")).param("duration", "5").build()
    with pytest.raises(sa.SeaArtError, match=r"input\[0\]\.params is required") as caught:
        seaart.modal.create(body)
    assert caught.value.status == 400


@pytest.mark.parametrize("model", [T2V, MULTI, V3, MASTER])
def test_a_wrong_key_is_an_auth_error(seaart_stranger, kirin, http, model):
    with pytest.raises(sa.SeaArtError, match=r"^Unauthorized$") as caught:
        seaart_stranger.modal.create(documented(model, example(kirin, http, model)))
    assert (caught.value.kind, caught.value.status) == (sa.ERR_AUTH, 401)


def test_a_wrong_key_of_v1_5_is_told_in_words(seaart_stranger, kirin, http):
    with pytest.raises(sa.SeaArtError, match="this API key is not one of those") as caught:
        seaart_stranger.modal.create(documented(V15, example(kirin, http, V15)))
    assert (caught.value.kind, caught.value.status) == (sa.ERR_AUTH, 401)


def test_a_wrong_key_reads_no_task(seaart_stranger):
    with pytest.raises(sa.SeaArtError) as caught:
        seaart_stranger.modal.get("0")
    assert (caught.value.kind, caught.value.status) == (sa.ERR_AUTH, 401)


def test_an_unknown_task_is_not_found(seaart):
    for call in (seaart.modal.get, seaart.modal.wait):
        with pytest.raises(sa.SeaArtError, match=r"^Not Found") as caught:
            call("0123456789abcdef0123456789abcdef")
        assert caught.value.status == 404


def test_a_task_can_be_asked_about_by_the_clients_own_id(seaart):
    made = seaart.modal.create({**BOAT, "external_task_id": "order/2026/7"})
    assert seaart.modal.get("order/2026/7").id == made.id


@pytest.mark.parametrize("fault", ["reset", "empty"])
def test_three_broken_connections_in_a_row_are_waited_out_and_a_fourth_is_not(seaart, fault):
    assert seaart.modal.create(told_to_fail(BOAT, f"fault={fault} on=poll times=3")).wait(AT_ONCE).status == "completed"
    made = seaart.modal.create(told_to_fail(BOAT, f"fault={fault} on=poll times=4"))
    with pytest.raises(sa.SeaArtError) as caught:
        made.wait(AT_ONCE)
    assert (caught.value.kind, caught.value.task_id) == (sa.ERR_NETWORK, made.id)


@pytest.mark.parametrize(
    ("status", "kind"), [(429, sa.ERR_QUOTA), (500, sa.ERR_GENERAL), (503, sa.ERR_GENERAL), (504, sa.ERR_TIMEOUT)]
)
def test_a_short_trouble_on_a_poll_ends_wait(seaart, status, kind):
    made = seaart.modal.create(told_to_fail(BOAT, f"fault=error status={status} on=poll times=1"))
    with pytest.raises(sa.SeaArtError) as caught:
        made.wait(AT_ONCE)
    assert (caught.value.kind, caught.value.status, caught.value.task_id) == (kind, status, made.id)
    assert made.wait(AT_ONCE).status == "completed"


@pytest.mark.parametrize(("fault", "raised"), [("truncate", "IncompleteRead"), ("malformed", "JSONDecodeError")])
def test_half_an_answer_raises_what_is_no_error_of_the_sdk(seaart, fault, raised):
    made = seaart.modal.create(told_to_fail(BOAT, f"fault={fault} on=poll times=1"))
    with pytest.raises(Exception, match=r".") as caught:
        made.wait(AT_ONCE)
    assert (type(caught.value).__name__, isinstance(caught.value, sa.SeaArtError)) == (raised, False)


def test_no_time_left_is_told_with_the_id_of_the_task(seaart):
    made = seaart.modal.create(BOAT)
    with pytest.raises(sa.SeaArtError, match="task timed out after 0s") as caught:
        made.wait(AT_ONCE, sa.WithPollTimeout(0.0))
    assert (caught.value.kind, caught.value.task_id) == (sa.ERR_TIMEOUT, made.id)


def test_any_call_can_be_passed_through(seaart):
    made = seaart.passthrough.post("/v1/generation", BOAT)
    assert made.status_code == 200
    task = made.body.decode().partition('"id":"')[2].partition('"')[0]
    assert seaart.passthrough.get(f"/v1/generation/task/{task}").status_code == 200
    assert seaart.passthrough.put(f"/v1/queue/{T2V}/requests/{task}/cancel").status_code == 400
    assert seaart.passthrough.get("/v1/generation/task/0").status_code == 404


def test_what_this_server_does_not_have_is_not_found(seaart):
    for call in (
        lambda: seaart.modal.scan_text({"text": "a paper boat"}),
        lambda: seaart.modal.scan_image({"uri": "https://example.com/a.png"}),
        lambda: seaart.modal.scan_face({"uri": "https://example.com/a.png"}),
    ):
        with pytest.raises(sa.SeaArtError) as caught:
            call()
        assert caught.value.status == 404
