"""What is written and where: file names, atomic writes, whose a file is, records, JSON Lines, the JSON Schema."""

from vitexplain.output.atomic import remove_stale, require_folder, write_files
from vitexplain.output.contents import DRAW, Contents, File, WriteOptions, contents_of, with_drawn
from vitexplain.output.destination import Destination, FolderDestination, destination_of
from vitexplain.output.lines import line, read_lines
from vitexplain.output.names import file_name, name_of, stem_below, stem_of, stems_of
from vitexplain.output.ownership import input_of, require_own
from vitexplain.output.pictures import draw_explanation
from vitexplain.output.schemas import schema
from vitexplain.output.writer import Written, write_pages, write_result, write_single

__all__ = [
    "DRAW",
    "Contents",
    "Destination",
    "File",
    "FolderDestination",
    "WriteOptions",
    "Written",
    "contents_of",
    "destination_of",
    "draw_explanation",
    "file_name",
    "input_of",
    "line",
    "name_of",
    "read_lines",
    "remove_stale",
    "require_folder",
    "require_own",
    "schema",
    "stem_below",
    "stem_of",
    "stems_of",
    "with_drawn",
    "write_files",
    "write_pages",
    "write_result",
    "write_single",
]
