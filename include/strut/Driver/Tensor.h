//===- Tensor.h - host tensors and the files they come from -----*- C++ -*-===//
//
// numpy's .npy and .npz. The zip container is libzip's business; the header of
// .npy, for which Debian has no C or C++ library, is read here by numpy's own
// description of it (numpy.lib.format, versions 1 to 3).
//
//===----------------------------------------------------------------------===//

#ifndef STRUT_DRIVER_TENSOR_H
#define STRUT_DRIVER_TENSOR_H

#include "strut/Runtime/dlpack.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace strut::driver {

/// Floats of at most 8 bits and integers of fewer: an element is bits in a byte.
inline bool isNarrow(DLDataType type) { return type.bits < 8 || type.code >= kDLFloat8_e3m4; }
inline size_t elementBytes(DLDataType type) { return (type.bits + 7u) / 8; }

/// A dense row-major tensor in 64-byte aligned memory of its own.
class HostTensor {
public:
  HostTensor() = default;
  /// Zero-filled. Fails when an extent is negative or the size does not fit.
  static llvm::Expected<HostTensor> create(DLDataType dtype, llvm::ArrayRef<int64_t> shape);

  DLDataType dtype() const { return type; }
  llvm::ArrayRef<int64_t> shape() const { return extents; }
  char *data() { return memory.get(); }
  const char *data() const { return memory.get(); }
  size_t bytes() const { return size; }
  size_t elements() const { return size / elementBytes(type); }

  /// Takes bytes for the bits of narrow elements.
  void readAs(DLDataType narrow) { type = narrow; }

  /// A view of this tensor, valid while it lives and is not moved.
  DLTensor view();

private:
  struct Free {
    void operator()(char *p) const { std::free(p); }
  };
  DLDataType type = {};
  llvm::SmallVector<int64_t, 4> extents;
  std::unique_ptr<char[], Free> memory;
  size_t size = 0;
};

using NamedTensors = std::vector<std::pair<std::string, HostTensor>>;

/// Reads a .npy. bool, all integers, float16/32/64 and complex64/128 of either
/// byte order and either memory order; two-byte voids ("|V2", what numpy writes
/// for ml_dtypes.bfloat16) are bfloat16, and narrow elements, whose type no file says, come as
/// uint8. Errors name the file.
llvm::Expected<HostTensor> readNpy(const std::string &path);
/// Reads every member of a .npz; names are without ".npy".
llvm::Expected<NamedTensors> readNpz(const std::string &path);

/// A tensor to be written, under its name in an .npz.
struct OutputTensor {
  std::string name;
  DLTensor tensor; ///< dense
};
/// Write atomically: `path` holds all tensors or what it held before.
llvm::Error writeNpy(const std::string &path, const DLTensor &tensor);
llvm::Error writeNpz(const std::string &path, llvm::ArrayRef<OutputTensor> tensors);

} // namespace strut::driver

#endif // STRUT_DRIVER_TENSOR_H
