"""The products of Confluent Cloud by the name its bill gives them."""

from __future__ import annotations

from typing import Any

from truto_usage_nb.sandbox.company import Account

_PRODUCTS: tuple[tuple[str, str, str], ...] = (
    ("KAFKA", "Kafka", "Kafka clusters: capacity, storage, partitions and network"),
    ("CONNECT", "Connect", "Fully managed connectors: tasks and throughput"),
    ("CUSTOM_CONNECT", "Custom Connect", "Connectors of one's own: tasks and throughput"),
    ("KSQL", "ksqlDB", "Streaming units of ksqlDB clusters"),
    ("FLINK", "Flink", "Compute of Flink statements"),
    ("STREAM_GOVERNANCE", "Stream Governance", "The governance package, schemas and data quality rules"),
    ("CLUSTER_LINK", "Cluster Linking", "Links between clusters and what they carry"),
    ("TABLEFLOW", "Tableflow", "Topics as tables: topics, data processed and storage"),
    ("AUDIT_LOG", "Audit Log", "Reading the organisation's audit log"),
    ("SUPPORT_CLOUD_BUSINESS", "Business support", "The monthly support fee"),
    ("PROMO_CREDIT", "Promotional credit", "Promotions that pay for usage"),
)

NAMES: dict[str, str] = {id_: name for id_, name, _ in _PRODUCTS}


def products(account: Account) -> list[dict[str, Any]]:
    """Return the unified products of an account."""
    return [
        {
            "id": id_,
            "name": name,
            "description": description,
            "created_at": account.created_at,
            "updated_at": account.created_at,
        }
        for id_, name, description in _PRODUCTS
    ]
