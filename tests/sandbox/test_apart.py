"""The service shares no code with the client, so neither can hide the other's mistake."""

import ast
from pathlib import Path

import truto_usage_nb.sandbox.app as service

ROOM = Path(service.__file__).parent
THE_DOOR = {"__init__.py", "face.py"}  # where the client is mounted on the service


def imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path.name} imports relatively"
            yield from (f"{node.module}.{name.name}" for name in node.names)


def test_the_server_imports_the_sandbox_alone_and_its_vendors_their_mappings():
    files = [path for path in ROOM.rglob("*.py") if not (path.parent == ROOM and path.name in THE_DOOR)]
    assert len(files) > 20
    for path in files:
        ours = [name for name in imports(path) if name.startswith("truto_usage_nb")]
        beyond = [name for name in ours if not name.startswith("truto_usage_nb.sandbox.")]
        assert beyond == [] or (ROOM / "vendors") in path.parents, path
        vendor = path.relative_to(ROOM / "vendors").parts[0] if beyond else ""
        assert [name for name in beyond if not name.startswith(f"truto_usage_nb.vendors.{vendor}.mapping.")] == [], path


def test_rows_servers_and_answer_keys_never_see_a_mapping():
    apart = [path for path in (ROOM / "vendors").rglob("*.py") if path.name != "__init__.py"]
    assert len(apart) > 10
    for path in [*apart, ROOM / "answers.py"]:
        assert [name for name in imports(path) if name.startswith("truto_usage_nb.vendors.")] == [], path


def test_only_the_mount_knows_the_client_side_of_http():
    knowing = [path.name for path in ROOM.rglob("*.py") if any(name.split(".")[0] == "httpx" for name in imports(path))]
    assert knowing == ["mount.py"]


def test_vendors_know_the_question_but_not_the_service():
    allowed = {"ask", "company", "seeds", "vendors"}
    for path in (ROOM / "vendors").rglob("*.py"):
        for name in imports(path):
            if name.startswith("truto_usage_nb.sandbox."):
                assert name.split(".")[2] in allowed, path
