"""What bicross asks of FAISS indexes and of the indexes nested in them: making, training, filters, settings."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast

import faiss
import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError
from .faiss_words import is_plausible, reason
from .scan import SearchSettings

REMEDY = 'choose another index type, or "auto"'
_faiss: Any = faiss  # the stubs lack half of it
_limits = threading.Lock()


def untrained(factory: str, dimension: int) -> Any:  # noqa: ANN401 - untyped by faiss
    """Make an index of FAISS that is not trained.

    Raises:
        ArgumentError: FAISS does not know the factory string, or not for this dimension.
    """
    if not is_plausible(factory):
        raise ArgumentError(f"the index type {factory!r} is not one that FAISS knows; {REMEDY}")
    try:
        return _faiss.index_factory(dimension, factory, faiss.METRIC_INNER_PRODUCT)
    except (RuntimeError, MemoryError, AssertionError) as error:
        message = f"the index type {factory!r} is not one for vectors of {dimension} dimensions: {reason(error)}"
        raise ArgumentError(f"{message}; {REMEDY}") from error


@contextmanager
def deserialisation_limit(size: int) -> Generator[None]:
    """Let FAISS allocate at most ``size`` bytes for a declared size. Its limits hold for the whole process."""
    with _limits:
        before = _faiss.get_deserialization_vector_byte_limit(), _faiss.get_deserialization_loop_limit()
        _faiss.set_deserialization_vector_byte_limit(size + 1)
        _faiss.set_deserialization_loop_limit(size + 1)
        try:
            yield
        finally:
            _faiss.set_deserialization_vector_byte_limit(before[0])
            _faiss.set_deserialization_loop_limit(before[1])


def deserialised(content: NDArray[np.uint8], *, shared: bool) -> Any:  # noqa: ANN401 - untyped by faiss
    """Read an index; with ``shared`` its vectors stay in the memory of ``content``, which must outlive it.

    An index without rows is copied and added to, which one that shares its memory does not allow.
    """
    if not shared:
        return _faiss.deserialize_index(content)
    return _faiss.read_index(_faiss.ZeroCopyIOReader(_faiss.swig_ptr(content), content.size))


def finest_store(index: Any) -> Any:  # noqa: ANN401
    """Return the part that holds the finest code of each row."""
    if isinstance(index, _faiss.IndexRefine):
        return faiss.downcast_index(index.refine_index)
    return faiss.downcast_index(index.storage) if isinstance(index, faiss.IndexHNSW) else index


def inner_index(index: Any) -> Any:  # noqa: ANN401
    """Return the index that an index asks first; None if it searches by itself."""
    if isinstance(index, _faiss.IndexRefine):
        return faiss.downcast_index(index.base_index)
    return faiss.downcast_index(index.index) if isinstance(index, faiss.IndexPreTransform) else None


def takes_filter(index: Any) -> bool:  # noqa: ANN401
    """Whether a search of this kind of index takes a filter of rows."""
    inner = inner_index(index)
    return takes_filter(inner) if inner else not isinstance(index, (faiss.IndexPQ, _faiss.IndexFastScan))


def search_parameters(index: Any, settings: SearchSettings, allowed: NDArray[np.bool_] | None) -> Any:  # noqa: ANN401
    """Return the settings of one search: setting them on the index would change the searches of other threads."""
    inner = inner_index(index)
    below = search_parameters(inner, settings, allowed) if inner else None
    if isinstance(index, _faiss.IndexRefine):
        factor = min(settings.k_factor or 4, max(1, index.ntotal))
        return _faiss.IndexRefineSearchParameters(k_factor=factor, base_index_params=below)
    if inner:
        return _faiss.SearchParametersPreTransform(index_params=below)
    selector = None if allowed is None else _faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))
    if isinstance(index, faiss.IndexIVF):
        nprobe = min(settings.nprobe or -(-index.nlist // 8), index.nlist)
        return _faiss.SearchParametersIVF(sel=selector, nprobe=nprobe)
    if isinstance(index, faiss.IndexHNSW):
        return _faiss.SearchParametersHNSW(sel=selector, efSearch=settings.ef_search or 256)
    return None if selector is None else _faiss.SearchParameters(sel=selector)


def quiet_training(index: Any) -> None:  # noqa: ANN401
    """Keep FAISS from printing that a sample is small, and from training for a search that bicross does not use."""
    index = faiss.downcast_index(index)
    for name in ("base_index", "index", "quantizer"):
        if hasattr(index, name):
            quiet_training(getattr(index, name))
    for trained in (index, getattr(index, "pq", None)):
        if hasattr(trained, "cp"):
            cast(Any, trained).cp.min_points_per_centroid = 1
    if isinstance(index, faiss.IndexPQ):
        cast(Any, index).do_polysemous_training = False
