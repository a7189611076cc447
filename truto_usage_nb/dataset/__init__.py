"""What `scan_usage` keeps on disk: any period of any number of accounts as plain Parquet, in bounded memory.

store       the directory: what may be done to it, each step safe to be killed in
journal     the one file that names all others that count
staging     pages on their way, each committed with its cursor
windows     which windows are due: missing, or not final when they were fetched
views       the questions a scan asks, and their windows
walking     one window, page by page
scanning    all windows side by side
viewing     the lazy frame over what is committed
writing     Parquet, all files of one schema
"""

from truto_usage_nb.dataset.reading import is_dataset, is_records, read_dataset, read_records
from truto_usage_nb.dataset.scanning import Scanner

__all__ = ["Scanner", "is_dataset", "is_records", "read_dataset", "read_records"]
