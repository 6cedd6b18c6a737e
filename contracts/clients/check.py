"""Generates clients from the contract, unpatched, and lets them submit, poll and read a result of each model.

``make clients`` runs it; it needs the tools that the Makefile installs.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from mock_server import MockServer
from mock_server.contract.judge import documented_body
from mock_server.models import discover

HERE = Path(__file__).resolve().parent
CONTRACT = str(HERE.parent / "openapi.json")
TOOLS = HERE.parent.parent / ".venv"


def run(*command: object, cwd: Path) -> None:
    """Run one command; what it says is shown when it fails."""
    ended = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False)
    said = ended.stdout + ended.stderr
    if ended.returncode != 0 or "WARNING" in said or "Unable to" in said:
        sys.exit(f"{command[0]} ended with {ended.returncode}:\n{said[-3000:]}")
    print(ended.stdout.strip()[-1500:])


def datamodel(folder: Path, url: str, examples: Path) -> None:
    """Classes by datamodel-code-generator: every example fits its class."""
    run(
        TOOLS / "clients/bin/datamodel-codegen", "--input", CONTRACT, "--input-file-type", "openapi", "--output",
        "models.py", "--output-model-type", "pydantic_v2.BaseModel", "--formatters", "black", cwd=folder,
    )  # fmt: skip
    use = (
        "import json, sys, models\n"
        "for model, bodies in json.load(open(sys.argv[1])).items():\n"
        "    name = model.title().replace('_', '')\n"
        "    found = [c for n, c in vars(models).items() if n.lower() == name.lower() + 'request']\n"
        "    print(model, type(found[0].model_validate(bodies['request'])).__name__)\n"
    )
    run(TOOLS / "clients/bin/python", "-c", use, examples, cwd=folder)


def python(folder: Path, url: str, examples: Path) -> None:
    """A client by openapi-python-client."""
    run(
        TOOLS / "clients/bin/openapi-python-client", "generate", "--path", CONTRACT, "--config", HERE / "python.yaml",
        "--output-path", "client", "--fail-on-warning", cwd=folder,
    )  # fmt: skip
    shutil.copy(HERE / "use.py", folder / "client" / "use.py")
    run(TOOLS / "clients/bin/python", "use.py", url, examples, cwd=folder / "client")


def typescript(folder: Path, url: str, examples: Path) -> None:
    """Types by openapi-typescript."""
    tools = TOOLS / "npm/node_modules/.bin"
    run(tools / "openapi-typescript", CONTRACT, "-o", "api.d.ts", "--default-non-nullable=false", cwd=folder)
    shutil.copy(HERE / "use.ts", folder / "use.ts")
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "node_modules").symlink_to(TOOLS / "npm/node_modules")
    strictly = ("--strict", "--target", "es2022", "--module", "nodenext", "--types", "node")
    run(tools / "tsc", *strictly, "use.ts", cwd=folder)
    run("node", "use.js", url, examples, cwd=folder)


def generator(folder: Path, url: str, examples: Path) -> None:
    """A Python client by openapi-generator. Needs java."""
    _generate("python", folder / "client", "--package-name", "kirin_generated")
    shutil.copy(HERE / "use_generator.py", folder / "client" / "use.py")
    run(TOOLS / "clients/bin/python", "use.py", url, examples, cwd=folder / "client")


def fetch(folder: Path, url: str, examples: Path) -> None:
    """A TypeScript client by openapi-generator. Needs java."""
    _generate("typescript-fetch", folder / "client", "--additional-properties", "importFileExtension=.js")
    shutil.copy(HERE / "use_fetch.ts", folder / "use.ts")
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "node_modules").symlink_to(TOOLS / "npm/node_modules")
    strictly = ("--strict", "--target", "es2022", "--module", "nodenext", "--types", "node")
    run(TOOLS / "npm/node_modules/.bin/tsc", *strictly, "use.ts", cwd=folder)
    run("node", "use.js", url, examples, cwd=folder)


def _generate(kind: str, out: Path, *more: str) -> None:
    tool = TOOLS / "clients/bin/openapi-generator-cli"
    command = [tool, "generate", "-i", CONTRACT, "-g", kind, "-o", out, *more]
    ended = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if ended.returncode != 0 or "Exception" in ended.stdout + ended.stderr:
        sys.exit(f"openapi-generator ended with {ended.returncode}:\n{(ended.stdout + ended.stderr)[-3000:]}")


CLIENTS = {
    "datamodel": datamodel,
    "typescript": typescript,
    "python": python,
    "generator": generator,
    "fetch": fetch,
}


NEED_JAVA = {"generator", "fetch"}


def chosen() -> list[str]:
    """The clients that are named, or all; those that cannot be had here only if they are named."""
    if sys.argv[1:] or shutil.which("java"):
        return sys.argv[1:] or list(CLIENTS)
    print(f"NOT RUN: {', '.join(sorted(NEED_JAVA))} (their generator needs java, which is not installed here)")
    return [name for name in CLIENTS if name not in NEED_JAVA]


def main() -> None:
    """Check the clients."""
    with MockServer(timing="instant") as server, tempfile.TemporaryDirectory() as scratch:
        examples = Path(scratch) / "examples.json"
        bodies = {
            model: {"request": documented_body(endpoint), "params": dict(endpoint.example)}
            for model, endpoint in discover().items()
        }
        examples.write_text(json.dumps(bodies))
        for name in chosen():
            folder = Path(scratch) / name
            folder.mkdir()
            CLIENTS[name](folder, server.url, examples)


if __name__ == "__main__":
    main()
