"""What a description of accounts may say, what is refused before anything is asked, and that no key is ever shown."""

from __future__ import annotations

import copy
import pickle
import traceback

import pytest

import truto_usage_nb as tu
from tests.vendors_for_tests import giving, scripted
from truto_usage_nb.direct.spec import read_spec, variables
from truto_usage_nb.errors import AuthenticationError, InputError, MissingExtraError, UsageError

KEY = "crsr_0123456789abcdef0123456789abcdef"
NOTHING = {"usageEvents": [], "pagination": {"hasNextPage": False}}
CURSOR = {"integration": "cursor", "api_key": giving(KEY)}


@pytest.fixture(autouse=True)
def no_keys_of_the_developers(monkeypatch):
    for names in variables().values():
        for name in names:
            monkeypatch.delenv(name, raising=False)


def refused(spec) -> str:
    with pytest.raises(InputError) as error:
        tu.direct(spec)
    assert KEY not in "".join(traceback.format_exception(error.value))
    return str(error.value)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({}, "names no account"),
        ({"team": "cursor"}, "account 'team' is described by a str"),
        (
            {"team": {"api_key": "env:X"}},
            "account 'team' says no integration; give one of claude, openai_codex, cursor, confluent, datadog",
        ),
        ({"team": {"integration": "curser", "api_key": "env:X"}}, "Did you mean 'cursor'?"),
        ({"team": {"integration": "cursor"}}, "account 'team' states no key. Cursor takes api_key"),
        ({"team": {"integration": "cursor", "apikey": "env:X"}}, "Did you mean 'api_key'?"),
        ({"team": {**CURSOR, "base-url": "https://x.example"}}, "Did you mean 'base_url'?"),
        ({"team": {**CURSOR, "base_url": "http://x.example"}}, "use https (http on loopback only)"),
        ({"team": {**CURSOR, "base_url": "ftp://x.example"}}, "is not a web address"),
        ({"team": {**CURSOR, "base_url": "https://u:p@x.example"}}, "holds a user name or password"),
        ({"c": {"integration": "confluent", "api_key": "env:X"}}, "account 'c' lacks api_secret (the secret of"),
        ({"Team": CURSOR, "team": CURSOR}, "the labels 'Team' and 'team' differ in case alone"),
        ({"": CURSOR}, "cannot be an account's id"),
        ({"..": CURSOR}, "cannot be an account's id"),
        ({7: CURSOR}, "the label 7 is no text"),
        ({"team": {**CURSOR, "api_key": 5}}, "api_key is of type int"),
        (["cursor"], "a description of accounts is a mapping or a path, not a list"),
    ],
)
def test_what_cannot_be_asked_with_is_said_before_anything_is_asked(spec, said):
    assert said in refused(spec)


def test_everything_that_is_wrong_is_said_at_once():
    said = refused({"a": {"integration": "cursor"}, "b": {"integration": "nobody"}, "c": CURSOR})
    assert "account 'a' states no key" in said
    assert "account 'b': integration='nobody' is not known" in said


@pytest.mark.parametrize("text", [KEY, f"env:{KEY}", f"keyring:{KEY}", f"env {KEY}", "env:", "ENV:X", "env:a b", ""])
def test_a_text_that_is_no_reference_is_refused_without_an_echo(text):
    said = refused({"team": {"integration": "cursor", "api_key": text}})
    assert "api_key is a text that says not where the key is" in said
    assert "env:NAME" in said
    assert KEY not in said


@pytest.mark.parametrize(
    "spec",
    [
        {"team": {"integration": KEY, "api_key": "env:X"}},
        {"team": {"integration": "cursor", KEY: "env:X"}},
        {KEY + "\n": CURSOR},
        {"team": {**CURSOR, KEY: "x"}},
    ],
)
def test_a_key_in_a_wrong_place_is_not_echoed_either(spec):
    refused(spec)


def test_a_variable_that_is_not_set_is_named_with_the_kind_of_key():
    said = refused(
        {
            "team": {"integration": "cursor", "api_key": "env:NOT_THERE"},
            "bill": {"integration": "confluent", "api_key": "env:NOR_THIS", "api_secret": "env:NOR_THAT"},
        }
    )
    assert "account 'team': NOT_THERE is not set; it is to hold an Admin API key of a Cursor team" in said
    assert "NOR_THIS is not set" in said
    assert "NOR_THAT is not set" in said


def test_the_environment_describes_what_is_set(monkeypatch):
    monkeypatch.setenv("CURSOR_API_KEY", KEY)
    assert tu.direct().labels == ("cursor",)
    monkeypatch.setenv("CONFLUENT_CLOUD_API_KEY", "ABCDEFGHIJKLMNOP")
    with pytest.warns(tu.UsageWarning, match="CONFLUENT_CLOUD_API_KEY is set, and CONFLUENT_CLOUD_API_SECRET is not"):
        assert tu.direct().labels == ("cursor",)
    monkeypatch.setenv("CONFLUENT_CLOUD_API_SECRET", "secret-of-the-key-1234")
    assert tu.direct().labels == ("cursor", "confluent")


def test_without_a_key_the_variables_are_named():
    said = refused(None)
    assert "CURSOR_API_KEY" in said
    assert "CONFLUENT_CLOUD_API_KEY with CONFLUENT_CLOUD_API_SECRET" in said


def test_a_file_is_read_and_what_is_wrong_in_it_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("TEAM_KEY", KEY)
    path = tmp_path / "direct.toml"
    path.write_text('[team]\nintegration = "cursor"\napi_key = "env:TEAM_KEY"\nbase_url = "http://127.0.0.1:9"\n')
    assert tu.direct(path).labels == tu.direct(str(path)).labels == ("team",)
    assert read_spec(path)[0].base_url == "http://127.0.0.1:9"
    path.write_text(f'[team]\nintegration = "cursor"\napi_key = "{KEY}"\n')
    assert "a key itself is not taken" in refused(path)
    path.write_text(f'[team]\napi_key = "{KEY}')
    assert "is no TOML" in refused(path)
    path.write_bytes(b"\xff\xfe")
    assert "no text in UTF-8" in refused(path)
    assert "cannot be read" in refused(tmp_path / "missing.toml")


def test_a_keyring_holds_keys(monkeypatch):
    import keyring

    asked = []
    monkeypatch.setattr(keyring, "get_password", lambda *names: asked.append(names) or KEY)
    client, vendor = scripted({"team": {"integration": "cursor", "api_key": "keyring:team"}}, NOTHING)
    assert asked == []  # not before it is needed
    client.load_usage("team")
    assert asked == [("truto_usage_nb", "team")]
    assert vendor.asked[0].headers["authorization"].startswith("Basic ")


def test_a_keyring_that_cannot_be_read_is_an_error_of_ours(monkeypatch):
    import keyring
    import keyring.errors

    def locked(*_):
        raise keyring.errors.KeyringLocked("the collection is locked")

    monkeypatch.setattr(keyring, "get_password", locked)
    client, vendor = scripted({"team": {"integration": "cursor", "api_key": "keyring:team"}}, NOTHING)
    with pytest.raises(
        InputError, match=r"keyring:team \(api_key\) cannot be read .*the collection is locked\); unlock it"
    ):
        client.load_usage("team")
    monkeypatch.setattr(keyring, "get_password", lambda *_: None)
    with pytest.raises(InputError, match=r"keyring:team \(api_key\) holds nothing"):
        client.load_usage("team")
    assert vendor.asked == []


def test_without_the_keyring_package_the_remedy_is_said(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(MissingExtraError, match=r"truto-usage-nb\[keyring\]"):
        tu.direct({"team": {"integration": "cursor", "api_key": "keyring:team"}})


def test_a_function_is_called_once_and_when_it_is_needed():
    calls = []

    def ask():
        calls.append(1)
        return f" {KEY}\n"

    client, vendor = scripted({"team": {"integration": "cursor", "api_key": ask}}, NOTHING)
    client.list_accounts()
    assert calls == []
    client.load_usage("team")
    client.load_usage("team", period="2026-10-05")
    assert calls == [1]
    assert len(vendor.asked) == 2


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "api_key holds nothing; it is to hold an Admin API key of a Cursor team"),
        (None, "api_key holds nothing"),
        ("crsr_with a space in it", "holds a space, a control character"),
        ("crsr_schlüssel_0123456789", "a letter beyond ASCII"),
        ("sk-ant-api03-0123456789abcdef", "api_key holds another vendor's key; it is to hold an Admin API key"),
    ],
)
def test_a_key_that_cannot_be_one_is_refused_before_it_is_sent(given, said):
    client, vendor = scripted({"team": {"integration": "cursor", "api_key": giving(given)}}, {})
    with pytest.raises(InputError) as error:
        client.load_usage("team")
    assert said in str(error.value)
    assert not given or given not in str(error.value)
    assert vendor.asked == []


def test_no_key_is_shown_anywhere():
    echo = {"error": f"no such key: {KEY}", "headers": {"authorization": KEY}}
    client, vendor = scripted({"team": CURSOR}, (401, echo))
    with pytest.raises(AuthenticationError) as error:
        client.load_usage("team")
    shown = "".join(traceback.format_exception(error.value)) + repr(error.value.raw_response) + repr(client)
    frames = [frame.f_locals for frame, _ in traceback.walk_tb(error.value.__traceback__)][1:]  # the first is ours
    assert KEY not in shown + repr(frames)
    assert KEY not in str(vendor.asked[0].url)
    assert "****" in shown


def test_no_key_is_in_a_result_a_snapshot_or_a_url():
    body = NOTHING
    client, vendor = scripted({"team": CURSOR}, body)
    result = client.fetch_usage("team", period="2026-10-05", truto_response_format="debug")
    assert KEY not in repr(result) + repr(result.debug) + repr(result.queries)
    assert KEY.encode() not in vendor.asked[0].url.raw_path + vendor.asked[0].content


def test_a_copy_has_no_keys_and_says_so():
    client, vendor = scripted({"team": CURSOR}, {"usageEvents": [], "pagination": {"hasNextPage": False}})
    client.load_usage("team")
    for other in (copy.copy(client), copy.deepcopy(client), pickle.loads(pickle.dumps(client))):
        assert KEY.encode() not in pickle.dumps(other)
        assert repr(other) == "direct('team')"
        with pytest.raises(UsageError, match="copied"):
            other.load_usage("team")
    assert len(vendor.asked) == 1


def test_the_code_of_a_form_makes_the_client_anew_and_holds_no_key(monkeypatch, tmp_path):
    monkeypatch.setenv("CURSOR_API_KEY", KEY)
    monkeypatch.setenv("MY_KEY", KEY)
    eu = {"integration": "datadog", "api_key": "env:MY_KEY", "app_key": giving(KEY), "site": "datadoghq.eu"}
    spec = {"team": {**CURSOR, "base_url": "http://127.0.0.1:9"}, "eu": eu}
    code = tu.QueryForm(tu.direct(spec), accounts=["team"], period="2026-10").code
    assert KEY not in code
    (line,) = [line for line in code.splitlines() if line.startswith("client = ")]
    described = {
        "team": {"integration": "cursor", "api_key": "env:CURSOR_API_KEY", "base_url": "http://127.0.0.1:9"},
        "eu": {"integration": "datadog", "api_key": "env:MY_KEY", "app_key": "env:DD_APP_KEY", "site": "datadoghq.eu"},
    }
    assert line == f"client = tu.direct({described!r})"
    assert "client = tu.direct()\n" in tu.QueryForm(tu.direct(), accounts=["cursor"], period="2026-10").code
    path = tmp_path / "direct.toml"
    path.write_text('[team]\nintegration = "cursor"\napi_key = "env:MY_KEY"\n')
    assert (
        f"client = tu.direct({str(path)!r})\n"
        in tu.QueryForm(tu.direct(path), accounts=["team"], period="2026-10").code
    )
