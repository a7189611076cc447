"""A report on paper: the page printed to PDF by the browser at hand."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from truto_usage_nb.errors import MissingExtraError, UsageError
from truto_usage_nb.reports.running import quiet_environment
from truto_usage_nb.writing import telling, write_file

__all__ = ["browser", "to_pdf"]

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
_SECONDS = 120
_FLAGS = (
    "--headless", "--disable-gpu", "--no-first-run", "--disable-quic", "--disable-sync", "--disable-extensions",
    "--disable-background-networking", "--disable-component-update", "--no-pdf-header-footer",
)  # fmt: skip


def browser() -> str:
    """Give the path of a Chromium on PATH; `MissingExtraError` says what to do without one."""
    for name in _NAMES:
        if found := shutil.which(name):
            return found
    raise MissingExtraError(
        f"pdf= needs Chromium or Chrome, and none of {', '.join(_NAMES)} is on PATH; install one, such as "
        "apt-get install chromium, or leave pdf= out and print the page from any browser"
    )


def to_pdf(program: str, page: Path, pdf: Path) -> Path:
    """Print a page; the file appears whole or not at all."""
    with telling(pdf), tempfile.TemporaryDirectory(prefix="truto-print-") as scratch:
        made = Path(scratch) / "page.pdf"
        sandbox = ("--no-sandbox",) if hasattr(os, "geteuid") and os.geteuid() == 0 else ()  # refuses root without
        command = [program, *_FLAGS, *sandbox, f"--user-data-dir={scratch}/profile", f"--print-to-pdf={made}"]
        try:
            done = subprocess.run(
                [*command, page.resolve().as_uri()],
                env=quiet_environment(), capture_output=True, text=True, timeout=_SECONDS, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            told = f"{program} did not print {page} within {_SECONDS} seconds; the page itself is there"
            raise UsageError(told) from None
        if not made.is_file():
            last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            told = f"{program} did not print {page} (exit {done.returncode}): {last}; the page itself is there"
            raise UsageError(told)
        content = made.read_bytes()
    return write_file(pdf, lambda file: file.write(content))
