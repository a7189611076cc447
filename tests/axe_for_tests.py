"""What axe-core finds on a page in a browser: the rules of WCAG 2.2 A and AA that a machine can judge."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from tests.conftest import ROOT

_AXE = ROOT / ".venv" / "axe" / "node_modules" / "axe-core" / "axe.min.js"
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
_RUN = """async ([include, only]) => {
  const found = await axe.run(include, {runOnly: only, resultTypes: ['violations'], elementRef: false});
  if (!found.passes.length) throw new Error('axe judged nothing');
  return found.violations.flatMap(each => each.nodes.map(node => `${each.id}: ${node.html.slice(0, 300)}`)) }"""


@cache
def _source() -> str:
    if not _AXE.is_file():
        pytest.skip("needs axe-core: npm install --no-save --prefix .venv/axe axe-core@4")
    return _AXE.read_text(encoding="utf-8")


def violations(page: Any, include: str = "html", *, only: str | None = None) -> list[str]:
    """Give what violates a rule of A or AA within what `include` selects; `only` names a single rule."""
    source = _source()
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(source)
    rules = {"type": "tag", "values": _RULES} if only is None else {"type": "rule", "values": [only]}
    return list(page.evaluate(_RUN, [include, rules]))
