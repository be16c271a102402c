//===- ConcatenateMaps.cpp - One map for several of one input --------------===//
//
// [x W1 + b1, x W2 + b2, ...] = x [W1 W2 ...] + [b1 b2 ...]
//
//===----------------------------------------------------------------------===//
#include "Constants.h"
#include "MachineOption.h"
#include "dialects/Onnx/Onnx.h"
#include "strut/Cost/Layers.h"
#include "strut/Rewrite/Passes.h"
#include "llvm/ADT/MapVector.h"

namespace strut::rewrite {
#define GEN_PASS_DEF_CONCATENATEMAPS
#include "strut/Rewrite/Passes.h.inc"
} // namespace strut::rewrite

using namespace mlir;

namespace strut::rewrite {
namespace {

using algebra::Matrix;
using onnx_ir::Op;
using Maps = SmallVector<layer::LinearOp>;

/// One map is taken where the others take this much longer.
constexpr double kWorthwhile = 1.02;
/// Rows that are thought of where their number is open.
constexpr double kManyRows = 1024;
/// Columns that fill the registers.
constexpr double kFilled = 16;

/// Data movement that is a view of a part of a row, an order of axes, or one value read at several
/// places (keys of a group of heads).
bool isView(Operation *op) {
  return isa<Op<"Reshape">, Op<"Transpose">, Op<"Squeeze">, Op<"Unsqueeze">, Op<"Expand">,
             Op<"Tile">, Op<"Identity">>(op);
}

/// Kernels that read a part of each row as it lies, and have no place in an epilogue.
bool readsParts(Operation *op) {
  return isa<Op<"Attention">, Op<"RotaryEmbedding">, Op<"MatMul">, Op<"Einsum">, Op<"Softmax">,
             Op<"LayerNormalization">, Op<"RMSNormalization">, Op<"ReduceMean">, Op<"ReduceSum">,
             Op<"ReduceMax">>(op);
}

/// Whether all that read the value read a part of a row as well as a whole one.
bool isReadInParts(Value value) {
  return !value.use_empty() && llvm::all_of(value.getUsers(), [](Operation *user) {
    // A question for the shape is no reading.
    return isa<Op<"Shape">, Op<"Size">>(user) || readsParts(user) ||
           (isView(user) && isReadInParts(user->getResult(0)));
  });
}

bool isCandidate(layer::LinearOp map) {
  return
      // Condition 3 of concatenate-maps.
      !map->hasAttr(layer::kConsideredAttr) &&
      // Condition 1 of concatenate-maps and 2 of concatenate-maps.
      isConstantOf(map.getWeight(), map) &&
      // Condition 1 of concatenate-maps.
      (!map.getBias() || isConstant(map.getBias())) &&
      // Condition 1 of concatenate-maps.
      map.getWeight().getType().getNumElements() > 0 &&
      // Condition 3 of concatenate-maps.
      isReadInParts(map.getResult());
}

double timeOf(double rows, double inputs, double columns, StringRef type,
              const cost::Setting &setting) {
  cost::Phase phase = cost::dense(rows, inputs, columns, type);
  phase.flops *= std::max(1.0, kFilled / columns);
  return cost::timeOf(phase, setting);
}

/// How much longer the maps take than one for all, with many rows where their number is open:
/// with fewer it is no less.
double gainOf(ArrayRef<layer::LinearOp> maps, const cost::Setting &setting) {
  double rows = 1, apart = 0, outputs = 0;
  bool isOpen = false;
  layer::LinearOp any = maps.front();
  for (int64_t extent : any.getInput().getType().getShape().drop_back()) {
    isOpen |= ShapedType::isDynamic(extent);
    rows *= ShapedType::isDynamic(extent) ? 1 : double(extent);
  }
  rows = isOpen ? std::max(rows, kManyRows) : rows;
  auto inputs = double(any.getMapShape().first);
  std::string type = nameOf(any.getType().getElementType());
  for (layer::LinearOp map : maps) {
    auto columns = double(map.getMapShape().second);
    apart += timeOf(rows, inputs, columns, type, setting);
    outputs += columns;
  }
  return apart / timeOf(rows, inputs, outputs, type, setting);
}

/// Weights and biases beside each other. A bias of -0 is none: x + (-0) = x for every x.
struct Wide {
  Matrix weight;
  std::vector<double> bias; ///< empty where no map has one
};

std::optional<Wide> beside(ArrayRef<layer::LinearOp> maps) {
  int64_t inputs = layer::LinearOp(maps.front()).getMapShape().first, outputs = 0;
  for (layer::LinearOp map : maps)
    outputs += map.getMapShape().second;
  Wide wide{Matrix(inputs, outputs), std::vector<double>(outputs, -0.0)};
  bool isBiased = false;
  int64_t at = 0;
  for (layer::LinearOp map : maps) {
    std::optional<Matrix> weight = readMatrix(map.getWeight());
    auto bias = map.getBias() ? readConstant(map.getBias()) : std::nullopt;
    if (!weight || (map.getBias() && !bias))
      return std::nullopt;
    for (int64_t k = 0; k < inputs; ++k)
      for (int64_t n = 0; n < weight->cols(); ++n)
        wide.weight(k, at + n) = (*weight)(k, n);
    if (bias)
      llvm::copy(*bias, wide.bias.begin() + at);
    isBiased |= bias.has_value();
    at += weight->cols();
  }
  if (!isBiased)
    wide.bias.clear();
  return wide;
}

void concatenate(ArrayRef<layer::LinearOp> maps, const Wide &wide) {
  layer::LinearOp first = maps.front();
  OpBuilder b(first);
  SmallVector<Location> nodes;
  SmallVector<int64_t> sizes;
  SmallVector<Type> types;
  for (layer::LinearOp map : maps) {
    nodes.push_back(map.getLoc());
    sizes.push_back(map.getMapShape().second);
    types.push_back(map.getType());
  }
  Location loc = rewritten("concatenate-maps", nodes);
  Type element = first.getType().getElementType();
  int64_t rows = wide.weight.rows(), columns = wide.weight.cols();
  Value weight = writeConstant(b, loc, RankedTensorType::get({rows, columns}, element),
                               {wide.weight.data(), size_t(rows * columns)});
  Value bias;
  if (!wide.bias.empty())
    bias = writeConstant(b, loc, RankedTensorType::get({columns}, element), wide.bias);
  SmallVector<int64_t> shape(first.getType().getShape());
  shape.back() = columns;
  Value all =
      layer::LinearOp::create(b, loc, first.getType().clone(shape), first.getInput(), weight, bias);
  auto count = RankedTensorType::get({int64_t(sizes.size())}, b.getI64Type());
  Value parts =
      Op<"Constant">::create(
          b, loc, {}, b.getNamedAttr("value", DenseElementsAttr::get(count, ArrayRef(sizes))))
          ->getResult(0);
  auto axis = b.getNamedAttr("axis", b.getI64IntegerAttr(int64_t(shape.size()) - 1));
  Operation *split = onnx_ir::create(b, loc, "onnx.Split", {all, parts}, axis, sizes.size());
  for (auto [map, part, type] : llvm::zip(maps, split->getResults(), types)) {
    part.setType(type);
    layer::LinearOp old = map;
    old.getResult().replaceAllUsesWith(part);
    old->erase();
  }
}

struct ConcatenateMaps : impl::ConcatenateMapsBase<ConcatenateMaps> {
  using ConcatenateMapsBase::ConcatenateMapsBase;

  LogicalResult initialize(MLIRContext *context) override {
    return readMachineOption(context, machine, described);
  }

  void runOnOperation() override {
    cost::Setting setting(described, cost::weightBytesOf(getOperation()));
    for (auto function : getOperation().getOps<func::FuncOp>())
      for (Block &block : function.getBody()) {
        llvm::MapVector<Value, Maps> readers;
        for (auto map : block.getOps<layer::LinearOp>())
          if (isCandidate(map))
            readers[map.getInput()].push_back(map);
        for (auto &[value, maps] : readers)
          if (maps.size() > 1 &&
              // Condition 4 of concatenate-maps.
              gainOf(maps, setting) > kWorthwhile)
            if (std::optional<Wide> wide = beside(maps)) {
              concatenate(maps, *wide);
              numMaps += maps.size() - 1;
            }
      }
  }

  cost::Machine described;
};

} // namespace
} // namespace strut::rewrite
