"""The same service over a real socket: it starts, it breaks as a real one does, it stops."""

import os
import socket
import subprocess
import sys
import time

import httpx
import pytest

from truto_usage_nb.sandbox.__main__ import main
from truto_usage_nb.sandbox.app import create_app
from truto_usage_nb.sandbox.faults import Fault
from truto_usage_nb.sandbox.serve import bind, loopback

AUTH = {"authorization": "Bearer sandbox-token"}
QUERY = {"integrated_account_id": "claude-console"}
USAGE = "/unified/usage-metering/usage"


def usage(url, timeout=5.0, **params):
    return httpx.get(url + USAGE, params={**QUERY, **params}, headers=AUTH, timeout=timeout)


@pytest.mark.parametrize("response_format", ["unified", "raw", "normalized", "stream", "debug"])
def test_the_same_bytes_as_in_process(ask, vendor, response_format):
    with loopback() as serving:
        over_socket = usage(serving.url, truto_response_format=response_format)
        assert serving.service.seen[-1].status == 200
    in_process = ask(truto_response_format=response_format)
    assert over_socket.content == in_process.content
    assert over_socket.headers["content-type"] == in_process.headers["content-type"]


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("cut_body", httpx.RemoteProtocolError),
        ("reset", httpx.TransportError),
        ("connect", httpx.TransportError),
        ("stall", httpx.ReadTimeout),
        ("latency", httpx.ReadTimeout),
    ],
)
def test_real_breaks(vendor, kind, error):
    with loopback(faults=[Fault(kind, seconds=20)]) as serving:
        with pytest.raises(error):
            usage(serving.url, timeout=0.2)
        assert usage(serving.url).status_code == 200


def test_a_stall_that_ends_is_a_cut_body(vendor):
    with loopback(faults=[Fault("stall", seconds=0.05)]) as serving, pytest.raises(httpx.RemoteProtocolError):
        usage(serving.url)


def test_a_cut_stream_is_seen(vendor):
    with loopback(faults=[Fault("cut_body")]) as serving, pytest.raises(httpx.RemoteProtocolError):
        usage(serving.url, truto_response_format="stream")


def test_it_starts_and_stops_quickly_and_frees_its_port(vendor):
    begun = time.monotonic()
    with loopback(app=create_app()) as serving:
        port = httpx.URL(serving.url).port
        assert "token" not in repr(serving)
    assert time.monotonic() - begun < 3
    with socket.socket() as free:
        assert free.connect_ex(("127.0.0.1", port)) != 0


def test_it_stops_with_a_client_still_connected(vendor):
    with httpx.Client() as client, loopback() as serving:
        assert client.get(serving.url + "/integrated-account", headers=AUTH).status_code == 200


def test_only_this_machine():
    with pytest.raises(ValueError, match=r"0\.0\.0\.0 is no loopback address"):
        bind("0.0.0.0", 0)


def test_a_bad_address_is_one_sentence(capsys):
    assert main(["--host", "192.0.2.1"]) == 1
    assert "no loopback address" in capsys.readouterr().err


def test_the_command_prints_where_and_with_which_token():
    command = [sys.executable, "-m", "truto_usage_nb.sandbox", "--port", "0", "--now", "2026-11-01", "--token", "abc"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ}) as process:
        try:
            url = process.stdout.readline().strip().removeprefix("TRUTO_BASE_URL=")
            assert process.stdout.readline() == "TRUTO_API_TOKEN=abc\n"
            answer = httpx.get(url + "/integrated-account", headers={"authorization": "Bearer abc"})
            assert answer.json()["result_count"] == 11
        finally:
            process.terminate()
