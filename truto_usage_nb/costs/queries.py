"""One view asked in two ways: everything in it would count twice, unless the two provably part the whole."""

from __future__ import annotations

import narwhals.stable.v2 as nw
import polars as pl

from truto_usage_nb.costs.digest import Digest
from truto_usage_nb.costs.intervals import Union
from truto_usage_nb.errors import OverlapError
from truto_usage_nb.native import Native, collect

__all__ = ["one_query"]

_VIEW = ["integrated_account_id", "report_type", "series"]


def one_query(native: Native, digest: Digest) -> Digest:
    """Refuse one series of one account under two queries whose records meet in time.

    Queries whose records share no person, or no model, and state one throughout, part the whole and pass. Raises
    OverlapError naming both queries.
    """
    says = (pl.col("money_n") > 0) | (pl.sum_horizontal("tokens", "covered_tokens") != 0)
    seen = digest.rows.filter(says & pl.col("cycle").is_null() & pl.col("start").is_not_null())
    spans = seen.select(*_VIEW, "query_id", "start", pl.col("end").fill_null(pl.col("start"))).unique()
    several = spans.filter(pl.col("query_id").n_unique().over(_VIEW) > 1)
    for view, of in several.sort(*_VIEW, nulls_last=True).group_by(*_VIEW, maintain_order=True):
        queries = _meeting(of)
        if queries and not _apart(native, view[0], view[1], queries):
            raise OverlapError(_refusal(list(view), queries))
    return digest


def _meeting(spans: pl.DataFrame) -> list[str | None]:
    """The queries that state something of one time with another, in order."""
    by_query = {query: of.select("start", "end").rows() for (query,), of in spans.group_by("query_id")}
    unions = {query: Union(of) for query, of in by_query.items()}
    met = {
        query
        for query, union in unions.items()
        if any(union.meets(s, e) for other, of in by_query.items() if other != query for s, e in of)
    }
    return sorted(met, key=lambda query: (query is None, str(query)))


def _apart(native: Native, account: str | None, report_type: str | None, queries: list[str | None]) -> bool:
    frame = native.frame.filter(_is("integrated_account_id", account) & _is("report_type", report_type))
    ids = collect(frame.select("query_id", "user_id", "model_id").unique())
    ids = ids.filter(pl.col("query_id").is_in(queries, nulls_equal=True))
    return any(_disjoint(ids, column) for column in ("user_id", "model_id"))


def _is(column: str, value: str | None) -> nw.Expr:
    return nw.col(column).is_null() if value is None else nw.col(column) == value


def _disjoint(ids: pl.DataFrame, column: str) -> bool:
    pairs = ids.select("query_id", column).unique()
    return pairs[column].null_count() == 0 and pairs[column].n_unique() == pairs.height


def _refusal(view: list[str | None], queries: list[str | None]) -> str:
    account, report_type, series = view
    names = " and ".join(str(query) for query in queries)
    return (
        f"{account} has {report_type or series or 'its records'} from two queries ({names}) for the same time, which "
        f"differ in grouping or filters, so everything in them may count twice. Keep the records of one query_id, or "
        f'say overlap="allow" if they are parts of a whole.'
    )
