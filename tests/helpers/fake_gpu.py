"""Stand-ins for what the engine uses of a GPU, exact and strict, so that its own part is tested on the CPU."""

import torch
from torch.nn.functional import scaled_dot_product_attention
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes


def exact_attention(
    q, k, v, cu_seq_q, cu_seq_k, max_q, max_k, *, scale=None, window_size=(-1, -1), enable_gqa=False, seqused_k=None
):
    """``torch.nn.attention.varlen.varlen_attn`` by its definition: the last query stands at the last key.

    Refuses what the kernel refuses, or leaves out. Rows of no sequence are NaN, as memory might be.
    """
    with _disable_current_modes():  # on a GPU all of this is one kernel
        numbers = {"scale": scale, "enable_gqa": enable_gqa}
        return _exact_attention(q, k, v, cu_seq_q, cu_seq_k, max_q, max_k, window_size, seqused_k, numbers)


def _exact_attention(q, k, v, cu_seq_q, cu_seq_k, max_q, max_k, window_size, seqused_k, numbers):
    for borders, tensor in ((cu_seq_q, q), (cu_seq_k, k)):
        assert borders.dtype == torch.int32
        assert borders.is_contiguous()
        assert borders[0] == 0
        assert (borders.diff() >= 0).all()
        assert borders[-1] <= len(tensor)
    assert len(cu_seq_q) == len(cu_seq_k)
    assert q.stride(-1) == k.stride(-1) == v.stride(-1) == 1
    assert cu_seq_q.diff().max() <= max_q
    assert cu_seq_k.diff().max() <= max_k
    used = cu_seq_k.diff() if seqused_k is None else seqused_k
    assert used.dtype == torch.int32
    assert used.is_contiguous()
    out = torch.full(q.shape, torch.nan, dtype=q.dtype)
    for first, last, start, count in zip(cu_seq_q[:-1], cu_seq_q[1:], cu_seq_k[:-1], used, strict=True):
        if not count:
            out[first:last] = 0
            continue
        parts = (q[first:last], k[start : start + count], v[start : start + count])
        distance = torch.arange(count) - (torch.arange(last - first) + count - (last - first))[:, None]
        mask = torch.ones_like(distance, dtype=torch.bool)
        if window_size[0] >= 0:
            mask &= distance >= -window_size[0]
        if window_size[1] >= 0:
            mask &= distance <= window_size[1]
        attended = scaled_dot_product_attention(*(part.transpose(0, 1) for part in parts), attn_mask=mask, **numbers)
        out[first:last] = attended.transpose(0, 1)
    return out


class NoWaiting(TorchDispatchMode):
    """Refuses operations that would have to wait for a GPU."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = function.name().removeprefix("aten::").split(".")[0]
        if name in {"_local_scalar_dense", "item", "nonzero", "masked_select", "equal", "is_nonzero", "_unique2"}:
            raise AssertionError(f"{name} waits for the device")
        if name in {"index", "index_put", "index_put_"}:
            assert all(index is None or index.dtype != torch.bool for index in args[1]), "a mask is waited for"
        if name == "repeat_interleave":
            assert kwargs.get("output_size") is not None, "the size is waited for"
        if name == "segment_reduce":
            assert kwargs["unsafe"], "the lengths are checked, which is waited for"
        return function(*args, **kwargs)


class Recorder:
    """Records as CUDA graphs do: a replay runs on what is in the same memory by then, and gives the same tensor."""

    def __init__(self):
        self.recorded = self.replayed = 0
        self.fails = False

    def __call__(self, function):
        if self.fails:
            raise RuntimeError("operation not permitted when stream is capturing")
        self.recorded += 1
        with NoWaiting():
            result = function()

        def replay():
            self.replayed += 1
            result.fill_(torch.nan)
            result.copy_(function())
            return result

        return replay


def pretend(monkeypatch, *, record=True):
    """Make new engines run on the CPU as they do on a GPU; return their recorders, in order of creation."""
    recorders = []

    def make(device):
        recorders.append(Recorder())
        recorders[-1].fails = not record
        return recorders[-1]

    monkeypatch.setattr("torch.nn.attention.varlen.varlen_attn", exact_attention)
    monkeypatch.setattr("bicross.inference.packed.engine.serves_all_lengths", lambda *asked: True)
    monkeypatch.setattr("bicross.inference.packed.engine.capture_on", make)
    return recorders
