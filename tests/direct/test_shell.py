"""The vendors from a shell: `--direct`, with a file or with what variables are set."""

from __future__ import annotations

import pytest

import truto_usage_nb as tu
from tests.vendors_for_tests import WORLD, in_process
from truto_usage_nb.cli import main
from truto_usage_nb.direct.spec import variables
from truto_usage_nb.sandbox.raw_server import keys_of, vendor_server

DAY = ["--period", "2026-10-05", "--quiet"]


@pytest.fixture
def described(tmp_path, monkeypatch):
    """Give the path of a description whose accounts are served on this machine, and whose keys stand in variables."""
    for name in {name for names in variables().values() for name in names}:
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / "direct.toml"
    with vendor_server("cursor", "confluent", world=WORLD) as serving:
        lines = []
        for label in ("cursor", "confluent"):
            lines += [f"[{label}]", f'integration = "{label}"', f'base_url = "{serving.url}"']
            for field, key in keys_of(label)[label].items():
                monkeypatch.setenv(f"TEST_{label}_{field}".upper(), key)
                lines.append(
                    f'{field} = "env:TEST_{label}_{field}"'.replace(
                        f"TEST_{label}_{field}", f"TEST_{label}_{field}".upper()
                    )
                )
        path.write_text("\n".join(lines))
        yield path


def test_a_load_of_all_that_are_described_and_of_one(described, tmp_path):
    target = tmp_path / "day.parquet"
    assert main(["load", "--direct", str(described), *DAY, "-o", str(target)]) == 0
    expected = in_process("cursor", "confluent").load_usage(["cursor", "confluent"], period="2026-10-05")
    found = tu.read_usage(target)
    assert found["id"].to_list() == expected["id"].to_list()
    assert tu.total_cost(found) == tu.total_cost(expected)
    assert main(["load", "cursor", "--direct", str(described), *DAY, "-o", str(target)]) == 0
    assert tu.read_usage(target)["integration"].unique().to_list() == ["cursor"]


def test_the_accounts_that_are_described(described, capsys):
    assert main(["accounts", "--direct", str(described)]) == 0
    assert capsys.readouterr().out == "cursor\tcursor\tcursor\nconfluent\tconfluent\tconfluent\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["load", "--direct"], "there is no key: set ANTHROPIC_ADMIN_KEY"),
        (["load", "--direct", "missing.toml"], "'missing.toml' cannot be read"),
        (["load", "cursor", "--direct", "--sandbox"], "--sandbox and --direct exclude each other"),
        (["load", "nobody", "--direct", "FILE"], "there is no account 'nobody'"),
    ],
)
def test_what_cannot_be_asked(described, capsys, words, said):
    assert main([str(described) if word == "FILE" else word for word in words]) in (1, 2)
    assert said in capsys.readouterr().err
