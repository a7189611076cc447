"""The only room that turns bytes into frames.

    parse_page    a body to columns by path, page by page, in threads: `parse` cuts out the records, `fast` infers a
                  page whole and proves that nothing was lost, `exact` reads what `fast` cannot prove
    parse_pages   the same of many bodies, natively and at once where `schema_memory` knows their shape
    build_frame   pages to one frame: `dtypes` makes columns, `list_columns` takes charges and resources apart,
                  `column_names` names, and places, what is not documented
    fitted        a frame made to fit what frames before and after it hold: `widen` says which type holds both
    to_pandas     the frame as pandas holds it without loss

Nothing is lost or changed on the way in; what cannot be held is an error with record id, path and value.

>>> source, layout = Provenance("62f44730", "cursor", None, "0f0f0f0f"), Layout()
>>> page = parse_page(b'{"result": [{"id": "1", "usage": {"tokens": {"input": 12}}}]}', source, layout)
>>> build_frame([page], layout).frame.select("integration", "id", "usage_tokens_input").rows()
[('cursor', '1', 12)]
"""

from truto_usage_nb.frames.assemble import BuiltFrame, build_frame, to_pandas, told_once
from truto_usage_nb.frames.batches import BATCH_BYTES, parse_pages
from truto_usage_nb.frames.column_names import Register, map_of
from truto_usage_nb.frames.parse import pages_cut, parse_page
from truto_usage_nb.frames.parsed import FieldPath, Layout, ParsedPage, Provenance
from truto_usage_nb.frames.widen import Types, fitted, merged, on_disk, types_of

__all__ = [
    "BATCH_BYTES",
    "BuiltFrame",
    "FieldPath",
    "Layout",
    "ParsedPage",
    "Provenance",
    "Register",
    "Types",
    "build_frame",
    "fitted",
    "map_of",
    "merged",
    "on_disk",
    "pages_cut",
    "parse_page",
    "parse_pages",
    "to_pandas",
    "told_once",
    "types_of",
]
