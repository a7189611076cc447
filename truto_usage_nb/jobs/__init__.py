"""From what is asked to jobs: what loading and scanning share.

accounts      which integration stands behind an account, asked once
making        what is asked becomes queries with a label each, with a period jobs: what is sent, the window it answers
              for, how its pages are read; and what became of those that failed
period_cut    which window a record is of, what sticks out of the period, and what a reader is told of it
progress      how far it has come, and a bar that shows it
"""

from truto_usage_nb.jobs.accounts import Integrations, LookUp, list_accounts, list_products, parted
from truto_usage_nb.jobs.making import (
    ON_ERROR,
    PARTIAL,
    Job,
    LabelledQuery,
    Planned,
    check_on_error,
    first_errors,
    gaps,
    labelled_queries,
    lost_jobs,
    make_job,
    plan_jobs,
    raise_unless_told,
    together,
    unheard,
)
from truto_usage_nb.jobs.period_cut import (
    MORE_THAN_ASKED,
    SAME,
    account_spans_told,
    check_overhang,
    cut_to,
    dateless_told,
    identity,
    outside_told,
    overhang_told,
    owns,
    prorated,
    repeats_told,
    settle_overhang,
    stands,
)
from truto_usage_nb.jobs.progress import Progress, ProgressTally, Show, progress_shown

__all__ = [
    "MORE_THAN_ASKED",
    "ON_ERROR",
    "PARTIAL",
    "SAME",
    "Integrations",
    "Job",
    "LabelledQuery",
    "LookUp",
    "Planned",
    "Progress",
    "ProgressTally",
    "Show",
    "account_spans_told",
    "check_on_error",
    "check_overhang",
    "cut_to",
    "dateless_told",
    "first_errors",
    "gaps",
    "identity",
    "labelled_queries",
    "list_accounts",
    "list_products",
    "lost_jobs",
    "make_job",
    "outside_told",
    "overhang_told",
    "owns",
    "parted",
    "plan_jobs",
    "progress_shown",
    "prorated",
    "raise_unless_told",
    "repeats_told",
    "settle_overhang",
    "stands",
    "together",
    "unheard",
]
