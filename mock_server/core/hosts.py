"""The hosts that clients of the platform have compiled in, and that this server can stand in for (wire#8)."""

from __future__ import annotations

#: In the order of the document; the first is the one that URLs in examples name.
PLATFORM_HOSTS = (
    "cloud.seaart.ai",
    "sea-cloud-admin-web.real-cloud.seaart.ai",
    "skill-hub.vtrix.ai",
    "cloud.vtrix.ai",
    "cloud-model-spec.vtrix.ai",
)
