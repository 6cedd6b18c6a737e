"""The models by short names."""

from __future__ import annotations

V1_5, MULTI, T2V, V3, MASTER = (
    "kirin_v1_5_i2v",
    "kirin_v1_6_multi_i2v",
    "kirin_v1_t2v",
    "kirin_v3_i2v",
    "kirin_v2_master_i2v",
)
