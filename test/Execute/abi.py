"""The C ABI of a compiled model (strut/Runtime/strut.h) by ctypes: what the Python package
does not offer, such as contexts by hand and an executor of one's own."""

import ctypes as c

import numpy as np

_CODES = {"i": 0, "u": 1, "f": 2, "b": 6}


class Tensor(c.Structure):
    _fields_ = [
        ("data", c.c_void_p),
        ("device_type", c.c_int32),
        ("device_id", c.c_int32),
        ("ndim", c.c_int32),
        ("code", c.c_uint8),
        ("bits", c.c_uint8),
        ("lanes", c.c_uint16),
        ("shape", c.POINTER(c.c_int64)),
        ("strides", c.POINTER(c.c_int64)),
        ("byte_offset", c.c_uint64),
    ]


TaskFn = c.CFUNCTYPE(None, c.c_void_p, c.c_int64, c.c_int64)
ParallelFor = c.CFUNCTYPE(None, c.c_void_p, TaskFn, c.c_void_p, c.c_int64)


class Executor(c.Structure):
    _fields_ = [("self", c.c_void_p), ("width", c.c_int32), ("parallel_for", ParallelFor)]


class OpenOptions(c.Structure):
    _fields_ = [
        ("struct_size", c.c_uint32),
        ("threads", c.c_int32),
        ("executor", c.POINTER(Executor)),
        ("weights_path", c.c_char_p),
        ("observer", c.c_void_p),
        ("device", c.c_char_p),
        ("driver", c.c_char_p),
    ]


class Table(c.Structure):
    _fields_ = [
        ("abi_version", c.c_uint32),
        ("struct_size", c.c_uint32),
        ("describe", c.CFUNCTYPE(c.c_void_p)),
        ("open", c.CFUNCTYPE(c.c_int, c.POINTER(OpenOptions), c.POINTER(c.c_void_p))),
        ("close", c.CFUNCTYPE(None, c.c_void_p)),
        ("create_context", c.CFUNCTYPE(c.c_int, c.c_void_p, c.POINTER(c.c_void_p))),
        ("destroy_context", c.CFUNCTYPE(None, c.c_void_p)),
        ("bind", c.CFUNCTYPE(c.c_int, c.c_void_p, c.POINTER(c.c_int64))),
        ("output_shape", c.CFUNCTYPE(c.c_int, c.c_void_p, c.c_int32, c.POINTER(c.c_int64))),
        ("run", c.CFUNCTYPE(c.c_int, c.c_void_p, c.POINTER(c.POINTER(Tensor)), c.POINTER(Tensor))),
        ("error", c.CFUNCTYPE(c.c_char_p, c.c_void_p)),
        ("form", c.CFUNCTYPE(c.c_int, c.c_void_p, c.c_int32, c.POINTER(c.c_int32))),
        ("device", c.CFUNCTYPE(c.c_char_p, c.c_void_p)),
        ("set_stream", c.CFUNCTYPE(c.c_int, c.c_void_p, c.c_void_p)),
    ]


class Failure(Exception):
    pass


class Session:
    """A model, opened with the runtime's pool or with `executor`; on `device`, by `driver`."""

    def __init__(self, path, threads=0, executor=None, device=None, driver=None):
        self._library = c.CDLL(str(path))
        self.table = Table.in_dll(self._library, "strut_model")
        self._executor = executor
        options = OpenOptions(c.sizeof(OpenOptions), threads, executor and c.pointer(executor), None)
        options.device = device and device.encode()
        options.driver = driver and str(driver).encode()
        self.handle = c.c_void_p()
        self.check(self.table.open(options, self.handle), None)

    def check(self, status, context):
        if status:
            raise Failure(self.table.error(context).decode())

    @property
    def device(self):
        return self.table.device(self.handle).decode()

    def close(self):
        self.table.close(self.handle)


class Context:
    """One caller's context of a session. Results are copies."""

    def __init__(self, session):
        self.session = session
        self.handle = c.c_void_p()
        session.check(session.table.create_context(session.handle, self.handle), None)

    def run(self, *arrays, outputs=1):
        results = (Tensor * outputs)()
        self._run(arrays, results)
        return [_copy(result) for result in results]

    def run_into(self, arrays, outputs):
        """Writes the results into the arrays (or Tensors) `outputs`, which it returns as Tensors."""
        results = (Tensor * len(outputs))(*map(_tensor, outputs))
        self._run(arrays, results)
        return results

    def set_stream(self, stream):
        self.session.check(self.session.table.set_stream(self.handle, stream), self.handle)

    def _run(self, arrays, results):
        tensors = [_tensor(array) for array in arrays]
        pointers = (c.POINTER(Tensor) * len(tensors))(*map(c.pointer, tensors))
        self.session.check(self.session.table.run(self.handle, pointers, results), self.handle)

    def form(self, index):
        """Which form of a choice the last run took."""
        form = c.c_int32(-1)
        self.session.check(self.session.table.form(self.handle, index, form), self.handle)
        return form.value

    def destroy(self):
        self.session.table.destroy_context(self.handle)


def _tensor(array):
    if isinstance(array, Tensor):
        return array
    shape = (c.c_int64 * array.ndim)(*array.shape)
    code = _CODES[array.dtype.kind]
    return Tensor(array.ctypes.data, 1, 0, array.ndim, code, 8 * array.itemsize, 1, shape, None, 0)


def _copy(tensor):
    kind = {code: kind for kind, code in _CODES.items()}[tensor.code]
    dtype = np.dtype(f"{kind}{tensor.bits // 8}")
    shape = tensor.shape[: tensor.ndim]
    size = int(np.prod(shape)) * dtype.itemsize
    content = c.string_at(tensor.data + tensor.byte_offset, size) if size else b""
    return np.frombuffer(content, dtype).reshape(shape).copy()
