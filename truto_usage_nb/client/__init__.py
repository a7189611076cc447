"""How to ask: the client people hold (`methods`), and the same calls as plain functions (`calls`)."""

from truto_usage_nb.client.calls import afetch_usage, aload_usage, ascan_usage, fetch_usage, load_usage, scan_usage
from truto_usage_nb.client.methods import Client

__all__ = [
    "Client",
    "afetch_usage",
    "aload_usage",
    "ascan_usage",
    "fetch_usage",
    "load_usage",
    "scan_usage",
]
