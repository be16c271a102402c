//===- Tensor.cpp - host tensors -------------------------------------------===//

#include "strut/Driver/Tensor.h"
#include "llvm/Support/MathExtras.h"
#include <cstring>
#include <unistd.h>

using namespace llvm;
using namespace strut::driver;

Expected<HostTensor> HostTensor::create(DLDataType dtype, ArrayRef<int64_t> shape) {
  if (dtype.lanes != 1 || dtype.bits == 0 || (dtype.bits > 8 && dtype.bits % 8 != 0))
    return createStringError("tensors of %u-bit elements are not supported here", dtype.bits);
  // More than the machine has would only be found out by being killed.
  uint64_t limit =
      static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  uint64_t bytes = elementBytes(dtype);
  bool empty = is_contained(shape, 0), fits = true;
  for (int64_t extent : shape) {
    if (extent < 0)
      return createStringError("a tensor has the negative extent %lld",
                               static_cast<long long>(extent));
    if (!empty && fits)
      fits =
          !__builtin_mul_overflow(bytes, static_cast<uint64_t>(extent), &bytes) && bytes <= limit;
  }
  if (!fits)
    return createStringError("a tensor is larger than this machine's memory");
  HostTensor tensor;
  tensor.type = dtype;
  tensor.extents.assign(shape.begin(), shape.end());
  tensor.size = empty ? 0 : bytes;
  tensor.memory.reset(static_cast<char *>(std::aligned_alloc(64, alignTo(tensor.size + 1, 64))));
  if (!tensor.memory)
    return createStringError("out of memory for a tensor of %llu bytes",
                             static_cast<unsigned long long>(bytes));
  std::memset(tensor.memory.get(), 0, tensor.size);
  return tensor;
}

DLTensor HostTensor::view() {
  DLTensor tensor = {};
  tensor.data = memory.get();
  tensor.device = {kDLCPU, 0};
  tensor.ndim = static_cast<int32_t>(extents.size());
  tensor.dtype = type;
  tensor.shape = extents.data();
  return tensor;
}
