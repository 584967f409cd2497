"""The only code that writes the files of an index; also locks, memory maps, Arrow files and checksums."""

from .arrow_files import RecordBatch, numbers, one_batch, open_batches, record_batch, write_batch
from .arrow_messages import decoded_sizes, is_stream
from .checksums import (
    CheckedFile,
    copy_verified,
    create_checked,
    link_or_copy,
    read_verified,
    verify_content,
    verify_size,
    write_named,
)
from .entries import Count, FileEntry, Name, NamedFile
from .filesystem import Filesystem
from .locking import (
    COMPACTION_LOCK,
    LOCK,
    PUBLISHED,
    PUBLISHED_LOCK,
    STAGING_LOCK,
    compacting,
    driving,
    is_compacting,
    is_driven,
    noting_publication,
    writing,
)
from .mapped_files import File, MappedFile, map_file, map_verified
from .memory import raise_if_out_of_memory

__all__ = [
    "COMPACTION_LOCK",
    "LOCK",
    "PUBLISHED",
    "PUBLISHED_LOCK",
    "STAGING_LOCK",
    "CheckedFile",
    "Count",
    "File",
    "FileEntry",
    "Filesystem",
    "MappedFile",
    "Name",
    "NamedFile",
    "RecordBatch",
    "compacting",
    "copy_verified",
    "create_checked",
    "decoded_sizes",
    "driving",
    "is_compacting",
    "is_driven",
    "is_stream",
    "link_or_copy",
    "map_file",
    "map_verified",
    "noting_publication",
    "numbers",
    "one_batch",
    "open_batches",
    "raise_if_out_of_memory",
    "read_verified",
    "record_batch",
    "verify_content",
    "verify_size",
    "write_batch",
    "write_named",
    "writing",
]
