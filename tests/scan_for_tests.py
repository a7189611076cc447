"""A scan in a process of its own, for tests that kill it: `python scan_for_tests.py URL DIRECTORY FIRST LAST`."""

import sys

import truto_usage_nb as tu

if __name__ == "__main__":
    url, directory, first, last = sys.argv[1:]
    with tu.Client("tk", base_url=url, timeout=2.0, concurrency=4) as client:
        tu.scan_usage(["a", "b"], directory, period=(first, last), integration="cursor", client=client)
