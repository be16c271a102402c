//===- Lowering.h - What the families of lowerings share -------*- C++ -*-===//
//
// A lowering turns one onnx or layer op into kernels. It reads its operands and
// defines its results through a Context, which knows every value's dimensions
// and, for small integer tensors, its contents.
//
//===----------------------------------------------------------------------===//
#ifndef STRUT_LIB_KERNELIZE_LOWERING_H
#define STRUT_LIB_KERNELIZE_LOWERING_H

#include "Dims.h"
#include "ScalarCode.h"
#include "dialects/Kernel/Kernel.h"
#include "dialects/Layer/Layer.h"
#include "dialects/Onnx/Onnx.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/StringMap.h"
#include <functional>
#include <optional>
#include <set>
#include <string>

namespace strut::kernelize {

using onnx_ir::AnyOp;

/// Why an op cannot be lowered, or nothing.
using Reason = std::optional<std::string>;

/// What is known of a value of the onnx level.
struct Tracked {
  mlir::Type element; ///< integers without a sign
  llvm::SmallVector<Dim> dims;
  /// The value at the kernel level; null until a kernel asks for it.
  mlir::Value tensor;
  /// The value, where it is a constant of the model.
  mlir::ElementsAttr constant;
  /// Row-major elements of a small integer tensor (shape arithmetic).
  std::optional<llvm::SmallVector<Dim>> contents;

  unsigned rank() const { return dims.size(); }
};

/// What a kernel reads: a tensor at a map, a tensor that the body fetches from
/// (no map), or a constant folded into the body.
struct Input {
  mlir::Value tensor;
  mlir::AffineMap map;
  mlir::TypedAttr scalar;
};

class Context {
public:
  Context(mlir::func::FuncOp function, mlir::OpBuilder entry);

  /// Emits at the op being lowered.
  mlir::OpBuilder b;
  DimEnv dims;
  /// Whether the op being lowered computes with unsigned integers.
  bool isUnsigned = false;

  mlir::MLIRContext *getContext() { return b.getContext(); }

  /// Lowers the ops of a body where they stand.
  std::function<mlir::LogicalResult(mlir::Block &)> lowerBlock;
  /// The op being lowered.
  mlir::Operation *current = nullptr;

  // ---- operands ----
  /// Every operand of an op being lowered is known; null for none.
  const Tracked &operator[](mlir::Value value);
  /// The value as a tensor of the kernel level, declaring a weight if need be.
  mlir::Value tensor(mlir::Value value);
  /// The value read by a kernel of `numIterators` dimensions, the iteration
  /// dimensions `axes` being those of the value, aligned at the right; an
  /// extent of 1 is broadcast. A constant with one element is folded.
  Input broadcast(mlir::Value value, llvm::ArrayRef<Dim> shape, llvm::ArrayRef<unsigned> axes,
                  unsigned numIterators);
  /// The same with the iteration dimensions 0, 1, ... of `shape`.
  Input broadcast(mlir::Value value, llvm::ArrayRef<Dim> shape);
  /// Integers of a constant or of shape arithmetic, if all are constants.
  std::optional<llvm::SmallVector<int64_t>> integers(mlir::Value value);
  /// The only element of a constant that has one, if it is a number; else null.
  mlir::TypedAttr scalar(mlir::Value value);
  /// The extents that the model declares for a result, if it declares all: what an
  /// operand says that is known at run time only.
  std::optional<llvm::SmallVector<Dim>> declaredShape(mlir::Value result);
  /// What an operand that gives a result's extents says: its elements, or else the
  /// declared extents of the result.
  std::optional<llvm::SmallVector<Dim>> shapeOperand(mlir::Value operand, mlir::Value result);
  /// The shape to which all operands broadcast, or a message on `op`.
  mlir::FailureOr<llvm::SmallVector<Dim>> broadcastShape(mlir::Operation *op,
                                                         llvm::ArrayRef<mlir::Value> operands);
  /// The same dimension, or none. Remembers the limits and multiples that a
  /// dimension must keep to for that.
  std::optional<Dim> match(const Dim &a, const Dim &b);
  /// The same dimension where two have to be, or none. What does not match is required at
  /// bind, unless it is known to differ, or the op is not outermost.
  std::optional<Dim> unify(const Dim &a, const Dim &b);

  // ---- results ----
  void define(mlir::Value result, mlir::Value tensor, llvm::ArrayRef<Dim> dims);
  void define(mlir::Value result, Tracked tracked);
  void defineConstant(mlir::Value result, mlir::ElementsAttr constant);
  /// A result that is a function of shapes alone.
  void defineContents(mlir::Value result, llvm::ArrayRef<Dim> dims, llvm::ArrayRef<Dim> contents);

  /// Says that `op` cannot be compiled, and why.
  mlir::LogicalResult refuse(mlir::Operation *op, const llvm::Twine &why);

  // ---- what data tell ----
  /// A dimension whose extent the run computes: at most `bound`, and the number in `count`,
  /// an i64 without axes. Kernels compute all of `bound`, and what is beyond the count may
  /// be anything. Fails, with a message, for an op inside of a branch or a loop.
  mlir::FailureOr<Dim> counted(mlir::Operation *op, const Dim &bound, mlir::Value count);
  /// The count of such a dimension; null for another.
  mlir::Value countOf(const Dim &dim) const;
  /// Whether a dimension is computed from one whose extent data tell.
  bool dependsOnCount(const Dim &dim) const;
  /// Whether it is computed from elements of inputs, and which dimensions these are.
  bool dependsOnElement(const Dim &dim) const;
  llvm::SmallVector<Dim> elements;
  /// Makes the run fail with `otherwise`, a clause about the op, where `holds` is false. Its
  /// body fetches from `tensors` by their numbers; one without axes has one.
  void require(mlir::Operation *op, llvm::ArrayRef<mlir::Value> tensors, BodyBuilder holds,
               const llvm::Twine &otherwise);
  /// The same where `trouble`, an i64 without axes, is not 0.
  void requireZero(mlir::Operation *op, mlir::Value trouble, const llvm::Twine &otherwise);
  /// What these two noted. Whoever lowers a block that may not run, or run more than once,
  /// brings what was noted meanwhile out of it.
  struct Requirement {
    mlir::Value trouble; ///< an i64 without axes that has to be 0
    std::string otherwise;
  };
  llvm::SmallVector<Requirement> requirements;

  /// Of indices: extents that outermost ops have required them to lie within, and whether they
  /// may count from both ends.
  llvm::DenseMap<mlir::Value, llvm::SmallVector<std::pair<llvm::SmallVector<Dim>, bool>>>
      checkedIndices;

  // ---- what dimensions tell ----
  /// Whether the op runs once and whatever the data: it stands in no loop, and in no branch but
  /// `taken` ones.
  bool isOutermost(mlir::Operation *op) const;
  /// Branches that are known to run.
  llvm::SmallPtrSet<mlir::Block *, 4> taken;
  /// Makes bind fail with `otherwise` where the i1 `holds`, computed from dimensions, is false:
  /// nothing is read then. Only of an outermost op.
  void requireAtBind(mlir::Operation *op, mlir::Value holds, const llvm::Twine &otherwise);
  /// The same where `dim` is negative. Refuses an op of which that is known, and one that is not
  /// outermost of which the opposite is not.
  mlir::LogicalResult requireNonNegative(mlir::Operation *op, const Dim &dim,
                                         const llvm::Twine &otherwise);
  /// The same where `dim` is not 0.
  mlir::LogicalResult requireNoDifference(mlir::Operation *op, const Dim &dim,
                                          const llvm::Twine &otherwise);

  // ---- kernels ----
  mlir::Value empty(mlir::Location loc, llvm::ArrayRef<Dim> shape, mlir::Type element);
  /// A pointwise kernel over `shape`.
  mlir::Value map(mlir::Location loc, llvm::ArrayRef<Dim> shape, mlir::Type element,
                  llvm::ArrayRef<Input> inputs, BodyBuilder body);
  /// A map that only moves data.
  mlir::Value move(mlir::Location loc, mlir::Value source, mlir::AffineMap map,
                   llvm::ArrayRef<Dim> shape);
  /// One init per element of `inits`; `init.tensor` is made by empty().
  struct Init {
    llvm::SmallVector<Dim> shape;
    mlir::Type element;
    mlir::AffineMap map;
  };
  mlir::Value rows(mlir::Location loc, unsigned axes, llvm::ArrayRef<Input> inputs,
                   const Init &init, BodyBuilder body, llvm::ArrayRef<int64_t> extents = {});
  /// inputs[0] is lhs, inputs[1] rhs, the others extras. `body` maps the
  /// accumulator and the extras; null yields the accumulator.
  mlir::Value contract(mlir::Location loc, llvm::ArrayRef<Input> inputs, const Init &init,
                       BodyBuilder body = nullptr);
  /// inputs are lhs, rhs, order, offsets and extras, `body` as of contract.
  mlir::Value grouped(mlir::Location loc, llvm::ArrayRef<Input> inputs, const Init &init,
                      BodyBuilder body);
  mlir::Value attention(mlir::Location loc, llvm::ArrayRef<Input> inputs, const Init &init,
                        BodyBuilder score);
  /// A region of loops on tensors. Its body takes the inputs and the inits, which
  /// hold nothing, as tensors, and returns a tensor for every init.
  using RegionBuilder =
      llvm::function_ref<llvm::SmallVector<mlir::Value>(Code &, mlir::ValueRange)>;
  llvm::SmallVector<mlir::Value> region(mlir::Location loc, llvm::ArrayRef<mlir::Value> inputs,
                                        llvm::ArrayRef<Init> inits, RegionBuilder body);
  /// A region that changes elements of `data`. Its body takes the inputs and then the data
  /// as tensors, and returns the data as it is afterwards.
  mlir::Value update(mlir::Location loc, mlir::Value data, llvm::ArrayRef<mlir::Value> inputs,
                     RegionBuilder body);
  /// The tensor with other dimensions and the same elements in the same order.
  mlir::Value reshape(mlir::Location loc, mlir::Value tensor, llvm::ArrayRef<Dim> from,
                      llvm::ArrayRef<Dim> to);

  /// A constant's elements in another shape; null for what is no constant of known extents.
  mlir::ElementsAttr constantAs(mlir::Value value, llvm::ArrayRef<Dim> shape);
  /// Declares the constant, or finds its declaration, and reads it.
  mlir::Value weight(mlir::Location loc, mlir::ElementsAttr constant);

  llvm::DenseMap<mlir::Value, Tracked> values;
  std::map<std::string, int64_t> limits, multiples;
  llvm::MapVector<mlir::Value, std::string> symbolNames;
  unsigned numKernels = 0, numWeights = 0;
  unsigned numRandom = 0; ///< nodes that draw numbers

private:
  mlir::LogicalResult refuseInside(mlir::Operation *op);
  mlir::LogicalResult requireOfDim(mlir::Operation *op, const Dim &dim,
                                   mlir::arith::CmpIPredicate predicate,
                                   const llvm::Twine &otherwise);
  std::optional<Dim> matchMultiples(const Dim &a, const Dim &b);
  /// Differences that have been required to be none.
  std::set<Dim> withoutDifference;
  kernel::RegionOp buildRegion(mlir::Location loc, llvm::ArrayRef<mlir::Value> inputs,
                               llvm::ArrayRef<mlir::Value> targets, bool updates,
                               RegionBuilder body);
  mlir::Operation *finish(mlir::OperationState &state, llvm::ArrayRef<Input> inputs,
                          llvm::ArrayRef<mlir::Value> inits, llvm::ArrayRef<mlir::AffineMap> maps,
                          mlir::Type accumulator, unsigned unmapped, BodyBuilder body);

  mlir::ModuleOp module;
  mlir::SymbolTable symbols;
  llvm::DenseMap<mlir::Attribute, kernel::WeightOp> weights;
  llvm::SmallVector<std::pair<Dim, mlir::Value>> counts;
};

/// A dimension in a body: a constant, or the value of the host function.
struct Extent {
  Extent(Context &context, const Dim &dim)
      : dim(dim), dynamic(dim.isConstant() ? mlir::Value() : context.dims.value(dim)) {}
  mlir::Value in(Code &c) const { return dynamic ? dynamic : c.index(dim.constant()); }
  Dim dim;
  mlir::Value dynamic;
};

/// One row of the table.
struct Lowering {
  /// What form-kernels can say before shapes are known; may be null.
  std::function<Reason(mlir::Operation *)> supports;
  std::function<mlir::LogicalResult(mlir::Operation *, Context &)> lower;
};

using LoweringTable = llvm::StringMap<Lowering>;

void addElementwise(LoweringTable &table);
void addLinear(LoweringTable &table);
void addShape(LoweringTable &table);
void addNorm(LoweringTable &table);
void addGather(LoweringTable &table);
void addAttention(LoweringTable &table);
void addAffineGrid(LoweringTable &table);
void addGridSample(LoweringTable &table);
void addIndex(LoweringTable &table);
void addRearrange(LoweringTable &table);
void addCumulate(LoweringTable &table);
void addScatter(LoweringTable &table);
void addTopK(LoweringTable &table);
void addDeformConv(LoweringTable &table);
void addDet(LoweringTable &table);
void addExperts(LoweringTable &table);
void addQuantize(LoweringTable &table);
void addRandom(LoweringTable &table);
void addEinsum(LoweringTable &table);
void addRecurrent(LoweringTable &table);
void addRotary(LoweringTable &table);
void addReduce(LoweringTable &table);
void addResize(LoweringTable &table);
void addRoiAlign(LoweringTable &table);
void addSignal(LoweringTable &table);
void addSignalWindows(LoweringTable &table);
void addSlices(LoweringTable &table);
void addConv(LoweringTable &table);
void addConvTranspose(LoweringTable &table);
void addCol2Im(LoweringTable &table);
void addPad(LoweringTable &table);
void addMaxUnpool(LoweringTable &table);
void addPool(LoweringTable &table);
void addSelect(LoweringTable &table);
void addSuppress(LoweringTable &table);
void addUnique(LoweringTable &table);
void addIf(LoweringTable &table);
void addHostLoop(LoweringTable &table);

/// All lowerings, by the full name of the op ("onnx.Add", "layer.linear").
const LoweringTable &lowerings();

/// If all operands are contents and the op is arithmetic on shapes, defines its
/// result's contents.
bool foldOnDims(AnyOp op, Context &context);

/// "[3, ?, 384]" for messages.
std::string spell(llvm::ArrayRef<Dim> shape);

/// Brings a negative axis into [0, rank).
inline int64_t normalizeAxis(int64_t axis, int64_t rank) { return axis < 0 ? axis + rank : axis; }

/// The value of an attribute with this default.
inline int64_t intAttr(AnyOp op, llvm::StringRef name, int64_t otherwise = 0) {
  auto attr = op.attr<mlir::IntegerAttr>(name);
  return attr ? attr.getInt() : otherwise;
}
inline double floatAttr(AnyOp op, llvm::StringRef name, double otherwise = 0) {
  auto attr = op.attr<mlir::FloatAttr>(name);
  return attr ? attr.getValueAsDouble() : otherwise;
}

} // namespace strut::kernelize

#endif // STRUT_LIB_KERNELIZE_LOWERING_H
