"""What every test stands on: nothing leaves the machine, nothing of the user is read, and in CI nothing skips."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent
IN_CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}
MAY_SKIP_IN_CI = ("needs Python >= ",)
"""How the reason of a skip begins that CI accepts: a newer Python cannot be installed there."""


def pytest_configure(config: pytest.Config) -> None:
    for name in [name for name in os.environ if name.startswith("TRUTO_")]:
        del os.environ[name]  # a developer's token must not decide a test, nor reach one
    scratch = tempfile.mkdtemp(prefix="truto-usage-nb-")
    config.add_cleanup(lambda: shutil.rmtree(scratch, ignore_errors=True))
    for name in ("MPLCONFIGDIR", "IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        os.environ[name] = str(Path(scratch, name.lower()))
    os.environ["MPLBACKEND"] = "agg"
    settings.register_profile(
        "house",
        deadline=None,  # two cores, shared
        max_examples=100,
        database=None,
        derandomize=IN_CI,
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.load_profile("house")
    sys.addaudithook(_stay_on_this_machine)


def _stay_on_this_machine(event: str, args: tuple[Any, ...]) -> None:
    if event != "socket.connect":
        return
    sock, address = args
    if sock.family not in {socket.AF_INET, socket.AF_INET6} or sock.type & socket.SOCK_DGRAM:
        return
    host = str(address[0])
    if not host.startswith("127.") and host not in {"::1", "localhost"}:
        raise AssertionError(f"a test tried to reach {host}; tests stay on this machine")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what runs on a cluster's engine: by its name, or by the kind of frame that it is given."""
    for item in items:
        if any(engine in item.name for engine in ("pyspark", "spark", "dask")):
            item.add_marker(pytest.mark.cluster)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return _no_skip_in_ci((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return _no_skip_in_ci((yield))


def _no_skip_in_ci(report: Any) -> Any:
    if not (IN_CI and report.skipped) or hasattr(report, "wasxfail"):
        return report
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if not reason.removeprefix("Skipped: ").startswith(MAY_SKIP_IN_CI):
        report.outcome = "failed"
        report.longrepr = f"{reason}\nCI installs what every test needs: a skip there is a failure."
    return report


@pytest.fixture(scope="session")
def root() -> Path:
    """Give the repository's root."""
    return ROOT


@pytest.fixture(scope="session")
def chromium() -> str:
    """Give the path of the system's browser."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("needs a browser: apt-get install chromium")
    return found
