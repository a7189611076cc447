"""What a report is made of. A report notebook opens a snapshot as a `Book` and shows these parts of it, in its order.

Every part takes the book and gives markup that a notebook shows; what came from outside is escaped.
"""

from truto_usage_nb.reports.parts.answering import answer, sentences
from truto_usage_nb.reports.parts.billing import bill, bill_table
from truto_usage_nb.reports.parts.book import Book, open_book
from truto_usage_nb.reports.parts.covering import coverage, not_in_these_figures
from truto_usage_nb.reports.parts.doubting import doubts, uncertainty
from truto_usage_nb.reports.parts.footing import foot, reproduce
from truto_usage_nb.reports.parts.heading import head
from truto_usage_nb.reports.parts.markup import Html, figure, note, notes
from truto_usage_nb.reports.parts.placing import by_product, unit_prices, where
from truto_usage_nb.reports.parts.restating import restated, restatements
from truto_usage_nb.reports.parts.tables import table

__all__ = [
    "Book",
    "Html",
    "answer",
    "bill",
    "bill_table",
    "by_product",
    "coverage",
    "doubts",
    "figure",
    "foot",
    "head",
    "not_in_these_figures",
    "note",
    "notes",
    "open_book",
    "reproduce",
    "restated",
    "restatements",
    "sentences",
    "table",
    "uncertainty",
    "unit_prices",
    "where",
]
