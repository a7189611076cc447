"""What `scan_usage` keeps on disk: any period of any number of accounts as plain Parquet, in bounded memory.

scanning          a scan from end to end: what is asked, the windows that are due, and each of them page by page
viewing           the lazy frame over what is committed, and a dataset looked at without asking the service
store             the directory: what may be done to it, each step safe to be killed in, and whether it is whole
staging           pages on their way, each committed with its cursor
windows           which windows are due: missing, or not final when they were fetched; what of their answers counts
journal           the one file that names all others that count
files             how files come and go; Parquet, all files of one schema
stored_columns    the columns and types that hold what is there and what comes, and their names on disk
"""

from truto_usage_nb.dataset.scanning import Scanner
from truto_usage_nb.dataset.viewing import is_dataset, is_records, read_dataset, read_records

__all__ = ["Scanner", "is_dataset", "is_records", "read_dataset", "read_records"]
