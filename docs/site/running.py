"""Run the tutorials once, for the site that shows them and for the tests that read what came of them.

An outcome is kept under `build/notebooks` by the notebook, the library's every file and all that is installed, so that
neither shows what another library would have said. A notebook that writes runs twice, in the same folder.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import nbclient
import nbformat

ROOT = Path(__file__).resolve().parent.parent.parent
KEPT = ROOT / "build" / "notebooks"
SECONDS = 300
WRITES = "scan_usage"


def notebooks() -> list[Path]:
    return sorted((ROOT / "notebooks").glob("*.ipynb"))


def executed(path: Path, folder: str | Path) -> Any:
    """Run every cell in `folder`, in a kernel that knows no token and nothing of the user's; a failing cell raises."""
    notebook = nbformat.read(path, as_version=4)
    place = {"metadata": {"path": str(folder)}}
    with tempfile.TemporaryDirectory() as scratch:
        known = {name: value for name, value in os.environ.items() if not name.startswith(("TRUTO_", "MPL", "PYTEST_"))}
        known |= {"IPYTHONDIR": scratch, "MPLCONFIGDIR": scratch}
        quiet = ["--log-level=ERROR"]  # about encryption on loopback, among others
        client = nbclient.NotebookClient(
            notebook, timeout=SECONDS, kernel_name="python3", resources=place, extra_arguments=quiet
        )
        return client.execute(env=known)


def outcome(path: Path, kept: Path = KEPT) -> tuple[list[Any], list[str]]:
    """Give what each run of a notebook shows, as notebooks, and the names of the files that it left behind."""
    there = kept / f"{path.stem}-{key(path)}.json"
    if not there.exists():
        with tempfile.TemporaryDirectory() as folder:
            runs = [executed(path, folder) for _ in range(2 if WRITES in path.read_text("utf-8") else 1)]
            left = [found.name for found in Path(folder).rglob("*")]
        kept.mkdir(parents=True, exist_ok=True)
        for older in kept.glob(f"{path.stem}-*.json"):
            older.unlink(missing_ok=True)
        fresh = there.with_suffix(f".{os.getpid()}")
        fresh.write_text(json.dumps({"runs": runs, "left": left}), encoding="utf-8")
        fresh.replace(there)
    read = json.loads(there.read_text("utf-8"))
    return [nbformat.from_dict(run) for run in read["runs"]], read["left"]


def run_beside(paths: list[Path]) -> None:
    """Have notebooks run two at a time, each in a process of its own: a kernel's client leaves threads behind."""

    def run(path: Path) -> None:
        command = [sys.executable, "-m", "docs.site.running", str(path)]
        told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if told.returncode:  # else it is a kernel that says good-bye
            raise RuntimeError(f"{path.name} does not run:\n{told.stderr}")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(run, paths))


def key(path: Path) -> str:
    """Tell a notebook and what it runs on from any other, in 16 hex digits."""
    return hashlib.sha256(path.read_bytes() + world()).hexdigest()[:16]


@functools.cache
def world(library: Path = ROOT / "truto_usage_nb") -> bytes:
    """Digest the library's files, this one, the interpreter and the versions of all that is installed."""
    found = hashlib.sha256(sys.version.encode())
    for each in sorted({f"{one.name} {one.version}" for one in distributions()}):
        found.update(each.encode())
    for file in (*sorted(library.rglob("*")), Path(__file__)):
        if file.is_file() and file.suffix != ".pyc":
            found.update(f"{file.relative_to(ROOT) if file.is_relative_to(ROOT) else file.name}".encode())
            found.update(file.read_bytes())
    return found.digest()


if __name__ == "__main__":
    outcome(Path(sys.argv[1]))
