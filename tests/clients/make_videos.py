"""A program as users write it: seacloudai-sdk with a key and nothing else. It knows no mock.

``make_videos.py FOLDER`` reads ``FOLDER/asked.json``, parameters by model. It makes a video of each, keeps it as
``FOLDER/MODEL.mp4``, and writes what the SDK returned to ``FOLDER/made.json``.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import httpx
from seacloud_sdk import SeaCloud


async def main(folder: Path) -> None:
    """Make all that is asked for."""
    client = SeaCloud(api_key=os.environ["SEACLOUD_API_KEY"])
    made = {}
    async with httpx.AsyncClient() as web:
        for model, params in json.loads((folder / "asked.json").read_text()).items():
            made[model] = await client.run_sync(model, params)
            for url in made[model].get("output", {}).get("urls", []):
                film = await web.get(url)
                (folder / f"{model}.mp4").write_bytes(film.raise_for_status().content)
    (folder / "made.json").write_text(json.dumps(made))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
