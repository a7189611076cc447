"""What a report is made of. A report notebook opens a snapshot as a `Book` and shows these parts of it, in its order.

Every part takes the book and gives markup that a notebook shows; what came from outside is escaped.
"""

from truto_usage_nb.reports.parts.allocating import allocation, allocation_lines, team_sections, unallocated
from truto_usage_nb.reports.parts.answering import answer, sentences
from truto_usage_nb.reports.parts.billing import bill, bill_table
from truto_usage_nb.reports.parts.book import Book, open_book
from truto_usage_nb.reports.parts.committing import commitments, idle_seats, seat_chart, seat_list, seat_summary
from truto_usage_nb.reports.parts.covering import coverage, not_in_these_figures
from truto_usage_nb.reports.parts.doubting import doubts, uncertainty
from truto_usage_nb.reports.parts.footing import foot, reproduce
from truto_usage_nb.reports.parts.forward import pace, unusual
from truto_usage_nb.reports.parts.guessing import estimates, list_and_billed, price_check
from truto_usage_nb.reports.parts.heading import head
from truto_usage_nb.reports.parts.markup import Html, figure, note, notes
from truto_usage_nb.reports.parts.moving import bridge
from truto_usage_nb.reports.parts.pictures import bars_chart, list_chart, price_chart, time_chart
from truto_usage_nb.reports.parts.placing import by_product, unit_prices, where
from truto_usage_nb.reports.parts.restating import restated, restatements
from truto_usage_nb.reports.parts.sharing import by_label, by_person, label_lines, person_lines
from truto_usage_nb.reports.parts.tables import table

__all__ = [
    "Book",
    "Html",
    "allocation",
    "allocation_lines",
    "answer",
    "bars_chart",
    "bill",
    "bill_table",
    "bridge",
    "by_label",
    "by_person",
    "by_product",
    "commitments",
    "coverage",
    "doubts",
    "estimates",
    "figure",
    "foot",
    "head",
    "idle_seats",
    "label_lines",
    "list_and_billed",
    "list_chart",
    "not_in_these_figures",
    "note",
    "notes",
    "open_book",
    "pace",
    "person_lines",
    "price_chart",
    "price_check",
    "reproduce",
    "restated",
    "restatements",
    "seat_chart",
    "seat_list",
    "seat_summary",
    "sentences",
    "table",
    "team_sections",
    "time_chart",
    "unallocated",
    "uncertainty",
    "unit_prices",
    "unusual",
    "where",
]
