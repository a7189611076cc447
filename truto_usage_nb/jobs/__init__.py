"""From what is asked to jobs: what loading and scanning share.

asking      an account id, a query, several or a mapping become queries with a label each
accounts    which integration stands behind an account, asked once
making      a query and a period become jobs: what is sent, the window it answers for, how its pages are read
owning      which window a record is of
overhang    what sticks out of the period
failing     what became of the jobs that failed: raised, or told
telling     what a reader of the records is told
progress    how far it has come, and a bar that shows it
"""

from truto_usage_nb.jobs.accounts import Integrations, LookUp, accounts, parted, products
from truto_usage_nb.jobs.asking import Asked, asked
from truto_usage_nb.jobs.failing import ON_ERROR, PARTIAL, check_on_error, gaps, raise_unless_told
from truto_usage_nb.jobs.making import (
    Job,
    Planned,
    lost_jobs,
    make_job,
    make_jobs,
    plan_jobs,
    together,
    unheard,
)
from truto_usage_nb.jobs.overhang import check_overhang, cut_to, prorated, settle_overhang
from truto_usage_nb.jobs.owning import SAME, identity, owns, stands
from truto_usage_nb.jobs.progress import Progress, Show, Tally, progress_shown
from truto_usage_nb.jobs.telling import (
    MORE_THAN_ASKED,
    dateless_told,
    outside_told,
    overhang_told,
    repeats_told,
    spans_told,
)

__all__ = [
    "MORE_THAN_ASKED",
    "ON_ERROR",
    "PARTIAL",
    "SAME",
    "Asked",
    "Integrations",
    "Job",
    "LookUp",
    "Planned",
    "Progress",
    "Show",
    "Tally",
    "accounts",
    "asked",
    "check_on_error",
    "check_overhang",
    "cut_to",
    "dateless_told",
    "gaps",
    "identity",
    "lost_jobs",
    "make_job",
    "make_jobs",
    "outside_told",
    "overhang_told",
    "owns",
    "parted",
    "plan_jobs",
    "products",
    "progress_shown",
    "prorated",
    "raise_unless_told",
    "repeats_told",
    "settle_overhang",
    "spans_told",
    "stands",
    "together",
    "unheard",
]
