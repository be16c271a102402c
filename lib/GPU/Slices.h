//===- Slices.h - Slices of an operand in shared memory ---------*- C++ -*-===//
//
// A slice is 64 bytes of the summed dimensions, for all rows (or columns) of a tile. It is lines
// of memory: rows if it runs along the steps, else steps. The 16-byte chunks of a line are permuted
// by the line's number, so that what a warp reads at once lies in different banks.
//
//===----------------------------------------------------------------------===//
#ifndef STRUT_LIB_GPU_SLICES_H
#define STRUT_LIB_GPU_SLICES_H

#include "Addresses.h"
#include "Tile.h"

namespace strut::gpu {

/// Of a slice.
constexpr int64_t sliceBytes = 64;
constexpr int64_t chunkBytes = 16; ///< what a row of a matrix of ldmatrix has
/// Of the steps that one mma.sync takes.
constexpr int64_t multiplyBytes = 32;
constexpr int64_t multipliesOfSlice = sliceBytes / multiplyBytes;

/// How an operand comes to shared memory.
struct CopyPlan {
  bool alongSteps; ///< memory runs along the steps, else along rows or columns
  int64_t bytes;   ///< of one copy: 16, 8 or 4, all in one run and so aligned; 2: by loads
};

/// The fewest bytes that are copied without a register.
constexpr int64_t leastCopy = 4;

/// What tells kernels of the same op apart: "_k16".
std::string suffixOf(const CopyPlan &plan);

/// The best way to copy an operand, by what the host function knows of it; none where copies of
/// `least` bytes would be too large, or where steps do more than add to its indices.
std::optional<CopyPlan> planCopy(const Nest &nest, unsigned operand, llvm::ArrayRef<unsigned> along,
                                 llvm::ArrayRef<unsigned> steps, int64_t least = leastCopy);

/// Where the slices of one operand lie, and which part of them a thread has.
struct SlicePlace {
  mlir::Value memory;   ///< pointer to the first of them, in shared memory
  int64_t width;        ///< rows or columns of a slice
  int64_t elementBytes; ///< 2 or 4
  int64_t threads;      ///< of the block, all of which copy
  mlir::Value thread;   ///< its number in the block, i32
  mlir::Value first;    ///< the first row or column of its warp in the slice, i32
  bool isLhs;           ///< the left side of products, else the right
  /// Of 32-bit elements on the right: the columns of each 8 are taken in the order 0, 4, 1, 5 ...,
  /// so that a lane has its sums of those steps that it would have of a left side.
  bool interleaved = false;

  int64_t bytes() const { return width * sliceBytes; }
};

class Slices {
public:
  /// `first` is the operand's row or column at the slices' first.
  Slices(mlir::OpBuilder &b, mlir::Location loc, const SlicePlace &place,
         const TileOperand &operand, const CopyPlan &plan, mlir::Value first);
  /// Of an operand that the block itself computes: lines along the steps.
  Slices(mlir::Location loc, const SlicePlace &place);

  /// Starts the copies to slice number `number`, whose missing steps become zero.
  void copy(mlir::OpBuilder &b, mlir::Value number, mlir::Value firstStep) const;
  /// Writes one element; row (or column) and step from the first slice on, i32.
  void store(mlir::OpBuilder &b, mlir::Value row, mlir::Value step, mlir::Value element) const;
  /// The registers of rows (or columns) 16 `block` and on of the warp, for multiplication number
  /// `part` of slice `number`: of the left side, A of a product; of the right, B of two.
  llvm::SmallVector<mlir::Value> load(mlir::OpBuilder &b, mlir::Value number, int64_t part,
                                      int64_t block) const;

private:
  int64_t lineBytes() const {
    return plan.alongSteps ? sliceBytes : place.width * place.elementBytes;
  }
  /// 32-bit elements cannot be transposed by ldmatrix and are read one by one.
  bool isScalar() const { return !plan.alongSteps && place.elementBytes == 4; }
  /// Of chunks, which are permuted among themselves, and lines that are permuted alike.
  int64_t period() const { return std::min<int64_t>(8, lineBytes() / chunkBytes); }
  int64_t linesOfPermutation() const { return std::max<int64_t>(1, 128 / lineBytes()); }
  mlir::Value columnOf(const I32 &i, mlir::Value number) const;
  mlir::Value offsetOf(const I32 &i, mlir::Value line, mlir::Value chunk) const;
  mlir::Value address(mlir::OpBuilder &b, mlir::Value number, mlir::Value offset) const;
  void copyElement(mlir::OpBuilder &b, mlir::Value to, mlir::Value from, mlir::Value exists) const;
  mlir::Value address(mlir::OpBuilder &b, mlir::Value number, mlir::Value line, int64_t lines,
                      mlir::Value chunk, int64_t chunks) const;
  llvm::SmallVector<mlir::Value> loadScalars(mlir::OpBuilder &b, mlir::Value number, int64_t part,
                                             int64_t block) const;

  mlir::Location loc;
  SlicePlace place;
  const DimGroup *stepGroup = nullptr;
  unsigned dims = 0; ///< of the iteration space
  CopyPlan plan;

  mlir::Value source;                         ///< pointer to the operand's first element
  llvm::SmallVector<mlir::Value> strides;     ///< of its memref
  mlir::AffineMap stepMap;                    ///< what the steps add to the operand's indices
  llvm::SmallVector<mlir::Value> offsets;     ///< of this thread's copies in a slice, i32
  llvm::SmallVector<mlir::Value> rowOffsets;  ///< of the copies in the operand, at step 0
  llvm::SmallVector<mlir::Value> stepNumbers; ///< of the copies, from the slice's first on
};

} // namespace strut::gpu

#endif // STRUT_LIB_GPU_SLICES_H
