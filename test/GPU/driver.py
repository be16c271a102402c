"""The CUDA driver's functions by ctypes, for memory and streams of the caller's own. It may be the
emulator. Needs numpy and nothing else: scripts/gpu-check takes it along."""

import ctypes as c

import numpy as np

from Execute.abi import Tensor

HOST, PINNED, DEVICE = 1, 3, 2  # DLPack's device types
BF16 = 4  # its code of that type


class Driver:
    def __init__(self, path="libcuda.so.1"):
        self.path = path
        self._library = c.CDLL(str(path))
        self._library.cuMemcpyHtoDAsync_v2.argtypes = [c.c_uint64, c.c_void_p, c.c_size_t, c.c_void_p]
        self._library.cuMemcpyDtoHAsync_v2.argtypes = [c.c_void_p, c.c_uint64, c.c_size_t, c.c_void_p]
        self._library.cuStreamSynchronize.argtypes = [c.c_void_p]

    def call(self, name, *arguments):
        result = getattr(self._library, name)(*arguments)
        assert result == 0, f"{name}: {result}"

    def enter(self):
        """Makes the first GPU's primary context this thread's."""
        device, context = c.c_int(), c.c_void_p()
        self.call("cuInit", 0)
        self.call("cuDeviceGet", c.byref(device), 0)
        self.call("cuDevicePrimaryCtxRetain", c.byref(context), device)
        self.call("cuCtxPushCurrent_v2", context)

    def memory(self, array, offset=0):
        """A Tensor of the array's elements on the device, `offset` bytes into an allocation."""
        address = c.c_uint64()
        self.call("cuMemAlloc_v2", c.byref(address), c.c_size_t(array.nbytes + offset))
        self.call("cuMemcpyHtoDAsync_v2", address.value + offset, array.ctypes.data, array.nbytes, None)
        self.call("cuStreamSynchronize", None)
        return tensor(array, address.value, DEVICE, offset)

    def pinned(self, array):
        address = c.c_void_p()
        self.call("cuMemHostAlloc", c.byref(address), c.c_size_t(array.nbytes), 0)
        c.memmove(address, array.ctypes.data, array.nbytes)
        return tensor(array, address.value, PINNED)

    def copied(self, given):
        """The elements of a Tensor on the device as an array; those of bf16 as their bits."""
        kind = {0: "i", 1: "u", 2: "f", BF16: "u"}[given.code]
        array = np.empty(given.shape[: given.ndim], f"{kind}{given.bits // 8}")
        address = given.data + given.byte_offset
        if array.size:
            self.call("cuMemcpyDtoHAsync_v2", array.ctypes.data, address, array.nbytes, None)
            self.call("cuStreamSynchronize", None)
        return array

    def stream(self):
        made = c.c_void_p()
        self.call("cuStreamCreate", c.byref(made), 1)
        return made

    def wait(self, stream):
        self.call("cuStreamSynchronize", stream)


def tensor(array, address, device, offset=0):
    """A Tensor of the array's type and shape at an address."""
    shape = (c.c_int64 * array.ndim)(*array.shape)
    code = {"i": 0, "u": 1, "f": 2, "b": 6}[array.dtype.kind]
    return Tensor(address, device, 0, array.ndim, code, 8 * array.itemsize, 1, shape, None, offset)


def view(device):
    """An output that the context is to place."""
    return Tensor(None, device, 0)
