"""One tree of errors: drawn as it is, pickled whole, and warnings that are heard where they belong."""

import asyncio
import copy
import pickle
import re
import subprocess
import sys
import warnings

import pytest

from truto_usage_nb import errors
from truto_usage_nb.errors import UsageError, UsageWarning, did_you_mean, hearing, tell

KINDS = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, UsageError)]


def test_the_tree_in_the_docstring_is_the_tree():
    drawn = {}
    above = {0: "UsageError"}
    for line in errors.__doc__.splitlines():
        found = re.match(r"    ((?:[│ ]   )*)[├└]── (\w+)", line)
        if found:
            depth = len(found[1]) // 4 + 1
            above[depth] = found[2]
            drawn[found[2]] = above[depth - 1]
    assert drawn == {kind.__name__: kind.__mro__[1].__name__ for kind in KINDS if kind is not UsageError}


def test_every_error_is_public_and_says_what_it_means():
    assert {kind.__name__ for kind in KINDS} <= set(errors.__all__)
    assert all(kind.__doc__ for kind in KINDS)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])
def test_every_error_travels_with_all_it_carries(kind, way):
    error = kind("it broke")
    error.__dict__ |= {"status": 429, "retryable": True, "is_remote": True, "raw_response": {"a": [1]}, "pages": 3}
    error.__dict__["details"] = {"cursor": "abc"}
    again = way(error)
    assert type(again) is kind
    assert again.__dict__ == error.__dict__
    assert str(again) == "it broke"


def test_input_errors_are_value_errors_and_a_missing_part_is_an_import_error():
    assert issubclass(errors.QueryError, ValueError)
    assert issubclass(errors.MissingExtraError, ImportError)
    assert not issubclass(errors.ServiceError, ValueError)


def test_what_may_succeed_later_says_so():
    later = {kind.__name__ for kind in KINDS if kind.retryable}
    assert later == {"RateLimitError", "ServiceUnavailableError", "ConnectionFailedError"}


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [("report_typ", "'report_type'"), ("REPORT_TYPE", "'report_type'"), ("zzz", None), (7, None), (None, None)],
)
def test_a_near_miss_is_named_and_nothing_is_guessed(wrong, hint):
    said = did_you_mean(wrong, ["report_type", "group_by"])
    assert (hint in said) if hint else said == ""


def test_what_is_told_is_a_warning_of_ours():
    with pytest.warns(UsageWarning, match="a lower bound") as told:
        tell("a lower bound")
    assert told[0].filename == __file__


def test_hearing_catches_what_is_told_in_this_task_alone():
    async def listen(text):
        with hearing() as said:
            await asyncio.sleep(0)
            tell(text)
            await asyncio.sleep(0)
        return said

    async def both():
        return await asyncio.gather(listen("one"), listen("other"))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert asyncio.run(both()) == [["one"], ["other"]]
    with pytest.warns(UsageWarning):
        tell("heard by nobody else")


def test_a_sentence_is_told_once_in_a_session_and_as_often_as_a_filter_of_ones_own_says():
    code = """
import warnings
import truto_usage_nb as tu
def told(text):
    with warnings.catch_warnings():  # as IPython and many libraries do, whereupon Python forgets what it told
        pass
    tu.errors.tell(text)
told("one"); told("one"); told("two")
warnings.simplefilter("always", tu.UsageWarning)
told("one")
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert re.findall(r"UsageWarning: (\w+)", run.stderr) == ["one", "two", "one"]


def test_a_cell_that_is_run_again_tells_again_and_no_other_cell_does():
    code = """
import types, IPython
import truto_usage_nb as tu
shell = types.SimpleNamespace()
IPython.get_ipython = lambda: shell
def run(cell, number, *texts):
    shell.parent_header, shell.execution_count = {"metadata": {"cellId": cell}}, number
    for text in texts:
        tu.errors.tell(text)
run("a", 1, "one", "one"); run("b", 2, "one", "two"); run("a", 3, "one", "two"); run("b", 4, "one", "two")
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert re.findall(r"UsageWarning: (\w+)", run.stderr) == ["one", "two", "one", "two"]
