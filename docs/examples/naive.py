"""A client as it is often written: it waits five seconds, tries everything again, and looks at the status alone."""

import httpx

from kirin_mock import Outcome


class Naive:
    def __init__(self, kit):
        self.kit = kit
        self.http = httpx.Client(
            transport=kit.transport, base_url=kit.base_url, headers={"Authorization": f"Bearer {kit.api_key}"}
        )

    def run(self, intent, deadline):
        body = {"model": intent.model, "input": [{"params": dict(intent.params)}]}
        task = self.until_it_works(lambda: self.http.post("/model/v1/generation", json=body))
        while True:
            self.kit.sleep(5)
            task = self.until_it_works(lambda: self.http.get(f"/model/v1/generation/task/{task['id']}"))
            if task["status"] == "completed":
                return Outcome("completed", task["id"], [task["output"][0]["content"][0]["url"]])
            if task["status"] == "failed":
                return Outcome("failed", task["id"])

    def until_it_works(self, send):
        while True:
            try:
                return send().raise_for_status().json()
            except Exception:
                self.kit.sleep(5)
