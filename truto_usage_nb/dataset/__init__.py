"""What `scan_usage` keeps on disk: any period of any number of accounts as plain Parquet, in bounded memory.

store       the directory: what may be done to it, each step safe to be killed in
journal     the one file that names all others that count
staging     pages on their way, each committed with its cursor
widening    the columns and types that hold what is there and what comes
fitting     where a number would lose digits, and what becomes of its column
naming      names on disk, distinct without regard to case
windows     which windows are due: missing, or not final when they were fetched
views       the questions a scan asks, and their windows
walking     one window, page by page
scanning    all windows side by side
answers     what windows returned, and what of it counts
viewing     the lazy frame over what is committed
writing     Parquet, all files of one schema
disk        how files come and go
checks      whether a directory is a dataset of ours, and whole
"""

from truto_usage_nb.dataset.reading import is_dataset, is_records, read_dataset, read_records
from truto_usage_nb.dataset.scanning import Scanner

__all__ = ["Scanner", "is_dataset", "is_records", "read_dataset", "read_records"]
