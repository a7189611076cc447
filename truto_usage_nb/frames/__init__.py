"""The only room that turns bytes into frames.

    parse_page    a body to columns by path, page by page, in threads: `bodies` cuts out the records, `fast` infers a
                  page whole and proves by `census` that nothing was lost, `exact` reads what `fast` cannot prove
    parse_pages   the same of many bodies, natively and at once where `batches` knows their shape
    build_frame   pages to one frame: `columns` gives dtypes, `lists` and `wide` take charges and resources apart,
                  `openmaps` and `naming` place and name what is not documented
    fitted        a frame made to fit what frames before and after it hold: `widen` says which type holds both
    to_pandas     the frame as pandas holds it without loss

Nothing is lost or changed on the way in; what cannot be held is an error with record id, path and value.

>>> source, layout = Source("62f44730", "cursor", None, "0f0f0f0f"), Layout()
>>> page = parse_page(b'{"result": [{"id": "1", "usage": {"tokens": {"input": 12}}}]}', source, layout)
>>> build_frame([page], layout).frame.select("integration", "id", "usage_tokens_input").rows()
[('cursor', '1', 12)]
"""

from truto_usage_nb.frames.arrow import to_pandas
from truto_usage_nb.frames.assemble import BuiltFrame, build_frame
from truto_usage_nb.frames.batches import BATCH_BYTES, parse_pages
from truto_usage_nb.frames.bodies import pages_cut
from truto_usage_nb.frames.naming import Register
from truto_usage_nb.frames.notes import told_once
from truto_usage_nb.frames.openmaps import map_of
from truto_usage_nb.frames.page import parse_page
from truto_usage_nb.frames.parts import Layout, ParsedPage, Path, Source
from truto_usage_nb.frames.widen import Types, fitted, merged, on_disk, types_of

__all__ = [
    "BATCH_BYTES",
    "BuiltFrame",
    "Layout",
    "ParsedPage",
    "Path",
    "Register",
    "Source",
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
