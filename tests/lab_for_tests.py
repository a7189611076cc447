"""A Jupyter server of its own on loopback, and a notebook as a page of a real browser.

JupyterLab, and beside it Notebook 7 and Voilà where they are installed: one server serves them all.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
]  # fmt: skip
_QUIET = {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True}
_KERNEL = "window.jupyterapp.shell.currentWidget?.context?.sessionContext?.session?.kernel?.status"


class Lab:
    """Serve a directory with JupyterLab; nothing of the user's settings is read or written."""

    def __init__(self, root: Path, theme: str = "JupyterLab Light") -> None:
        self.root, self._theme = root, theme
        self.url = f"http://127.0.0.1:{_free_port()}"

    def __enter__(self) -> Lab:
        home = self.root / ".home"
        self._setting(home, "notification", _QUIET)
        self._setting(home, "themes", {"theme": self._theme})
        port = self.url.rpartition(":")[2]
        self._process = subprocess.Popen(
            [
                sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", f"--port={port}", "--allow-root",
                "--ServerApp.port_retries=0", f"--ServerApp.root_dir={self.root}", "--IdentityProvider.token=",
                "--PasswordIdentityProvider.hashed_password=", "--ServerApp.disable_check_xsrf=True",
                "--LabApp.expose_app_in_browser=True", "--LabApp.extension_manager=readonly",
                "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
                "--JupyterNotebookApp.expose_app_in_browser=True",
                "--VoilaConfiguration.extension_denylist=['@jupyter-notebook/lab-extension']",  # it breaks Voilà's page
            ],
            env=_environment(home), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        self._wait()
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self._process.pid, signal.SIGTERM)  # its kernels with it
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)

    def open(self, browser, name, **options):
        """Open a notebook in a page of its own and wait until its kernel is there."""
        page = browser.new_page(**options)
        page.goto(f"{self.url}/doc/tree/{name}?reset")
        wait_for_kernel(page)
        return page

    def _setting(self, home: Path, plugin: str, values: dict[str, object]) -> None:
        file = home / "settings" / "@jupyterlab" / "apputils-extension" / f"{plugin}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values), encoding="utf-8")

    def _wait(self) -> None:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                with urllib.request.urlopen(f"{self.url}/api/status", timeout=5):
                    return
            except OSError:
                if self._process.poll() is not None:
                    break
                time.sleep(0.1)
        raise AssertionError("JupyterLab did not start")


def wait_for_kernel(page) -> None:
    """Wait until a notebook is shown, in JupyterLab or Notebook 7, and its kernel is there."""
    page.locator(".jp-NotebookPanel .jp-Cell").first.wait_for(timeout=60_000)
    wait_until_idle(page)


def command(page, name: str) -> None:
    """Run a command of JupyterLab, and do not wait for what it promises."""
    page.evaluate(f"() => {{ window.jupyterapp.commands.execute({name!r}) }}")


def wait_until_idle(page) -> None:
    """Wait until the kernel has nothing to do."""
    page.wait_for_function(f"{_KERNEL} === 'idle'", timeout=60_000)


def _environment(home: Path) -> dict[str, str]:
    names = {"JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTERLAB_WORKSPACES_DIR": "workspaces"}
    names |= {name: name.lower() for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")}
    names |= {name: name.lower() for name in ("IPYTHONDIR", "MPLCONFIGDIR", "HOME")}
    return {**os.environ, **{name: str(home / folder) for name, folder in names.items()}}


def _free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])
