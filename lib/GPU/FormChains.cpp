//===- FormChains.cpp - Products whose middle stays on chip ---------------===//
//
// A product of few columns has few blocks, and the next one waits for its launch and its first
// slices. One kernel of both computes the middle again for each group of columns, which costs
// nothing as long as the second cache feeds them all.
//
//===----------------------------------------------------------------------===//
#include "ChainShape.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "strut/GPU/Passes.h"

namespace strut::gpu {
#define GEN_PASS_DEF_FORMCHAINS
#include "strut/GPU/Passes.h.inc"
} // namespace strut::gpu

using namespace mlir;

namespace strut::gpu {
namespace {

using kernel::ContractOp;

constexpr double worthwhile = 0.9; ///< of the time of two kernels
constexpr double harmless = 1.1;   ///< likewise: the model knows no better
/// Where the number of rows is open: few, of which a chain must be worthwhile, and many, of which
/// it must do no harm.
constexpr int64_t fewRows = TensorShapes::fewRows, manyRows[] = {128, 512, 2048, 8192, 32768};

/// Two products, the first of which may be the left side of the second.
struct Pair {
  ContractOp first, second;
  Multiplicand kind;
  int64_t rows; ///< kDynamic if open
  int64_t columns, middle, steps;
};

//===----------------------------------------------------------------------===//
// What can be a chain
//===----------------------------------------------------------------------===//

/// One product of matrices, each operand of which is read in place.
bool isPlain(ContractOp op) {
  SmallVector<AffineMap> maps = op.getMaps();
  return op.getNumProducts() == 1 && !op.getWorkspace() && op.getRoles().batch.empty() &&
         maps[0].isProjectedPermutation() &&
         maps[0].getNumResults() == op.getRoles().m.size() + op.getRoles().k.size() &&
         op.getInit().getDefiningOp<tensor::EmptyOp>();
}

RankedTensorType logicalTypeOf(Value value) {
  if (auto packed = dyn_cast<kernel::PackedType>(value.getType()))
    return packed.getLogical();
  return cast<RankedTensorType>(value.getType());
}

/// The product of the extents of some dimensions of an operand; kDynamic if one is open.
int64_t extentOf(Value operand, AffineMap map, ArrayRef<unsigned> dims) {
  int64_t product = 1;
  for (unsigned d : dims) {
    auto axis = map.getResultPosition(getAffineDimExpr(d, map.getContext()));
    int64_t extent = axis ? logicalTypeOf(operand).getDimSize(*axis) : ShapedType::kDynamic;
    if (ShapedType::isDynamic(extent))
      return extent;
    product *= extent;
  }
  return product;
}

/// A weight or an input of the model, as it lies, whose rows fill whole words of 4 bytes.
bool isInWords(Value right, int64_t elementBytes) {
  bool isWhole =
      right.getDefiningOp<kernel::UseOp>() ||
      (isa<BlockArgument>(right) && isa<func::FuncOp>(right.getParentBlock()->getParentOp()));
  ArrayRef<int64_t> shape = logicalTypeOf(right).getShape();
  return isWhole && !shape.empty() && shape.back() * elementBytes % leastCopy == 0;
}

/// Whether `second` reads the first product as its left side, rows as rows, and nothing else does.
bool isOnlyReader(ContractOp first, ContractOp second) {
  for (OpOperand &use : first.getResult(0).getUses())
    if (!isa<tensor::DimOp>(use.getOwner()) &&
        (use.getOwner() != second || use.getOperandNumber() != 0))
      return false;
  AffineMap made = first.getMaps().back(), read = second.getMaps()[0];
  ContractOp::Roles of = first.getRoles(), in = second.getRoles();
  for (unsigned axis = 0; axis < made.getNumResults(); ++axis)
    if (llvm::is_contained(of.m, made.getDimPosition(axis)) !=
        llvm::is_contained(in.m, read.getDimPosition(axis)))
      return false;
  return true;
}

bool knowsItsPlace(Block &body) {
  return llvm::any_of(body,
                      [](Operation &op) { return isa<kernel::IndexOp, kernel::FetchOp>(op); });
}

/// The pair that ends with a product, if it can be a chain.
std::optional<Pair> pairFrom(ContractOp second, TargetAttr target) {
  auto first = second.getLhs().getDefiningOp<ContractOp>();
  Type element = getElementTypeOrSelf(second.getLhs().getType());
  std::optional<Multiplicand> kind = multiplicandOf(element, target);
  // In a loop, what the first product reads could be written before the second one runs.
  if (!first || !kind || first->getBlock() != second->getBlock() ||
      second->getParentOfType<LoopLikeOpInterface>())
    return std::nullopt;
  // Condition 1 of form-chains.
  if (!isPlain(first) || !isPlain(second) ||
      getElementTypeOrSelf(first.getLhs().getType()) != element)
    return std::nullopt;
  // Condition 2 of form-chains.
  if (!isOnlyReader(first, second))
    return std::nullopt;
  SmallVector<AffineMap> firstMaps = first.getMaps(), maps = second.getMaps();
  Pair pair{first,
            second,
            *kind,
            extentOf(second.getInit(), maps.back(), second.getRoles().m),
            extentOf(second.getRhs(), maps[1], second.getRoles().n),
            extentOf(second.getRhs(), maps[1], second.getRoles().k),
            extentOf(first.getRhs(), firstMaps[1], first.getRoles().k)};
  int64_t bytes = element.getIntOrFloatBitWidth() / 8;
  // Condition 3 of form-chains.
  if (ShapedType::isDynamic(pair.columns) || ShapedType::isDynamic(pair.middle) ||
      ShapedType::isDynamic(pair.steps) ||
      !ChainShapes::create(*kind, pair.middle, pair.steps, /*cluster=*/1) ||
      !isInWords(first.getRhs(), bytes) || !isInWords(second.getRhs(), bytes))
    return std::nullopt;
  // Condition 4 of form-chains.
  if (knowsItsPlace(first.getBody().front()))
    return std::nullopt;
  return pair;
}

//===----------------------------------------------------------------------===//
// What is faster
//===----------------------------------------------------------------------===//

class Comparison {
public:
  Comparison(const Pair &pair, TargetAttr target)
      : pair(pair), machine(cost::machineForGpu(target.getCapability())), time(machine, pair.kind),
        hasClusters(ChainShape::mayHaveClusters(target)),
        hasWarpgroups(target.getArch() == "sm_90a" && isHalf(pair.kind)) {}

  /// In clusters of how many blocks it pays most, 1 without any; 0 if it does not.
  int64_t bestCluster() const;

private:
  bool isOpen() const { return ShapedType::isDynamic(pair.rows); }
  /// The time of a chain as a share of that of two kernels.
  double ratio(const ChainShapes &shapes, int64_t rows) const {
    const ChainShape &shape = rows <= shapes.mostOfFew()             ? shapes.few
                              : rows <= shapes.mostOfMiddle(machine) ? shapes.middle
                                                                     : shapes.many;
    return shape.seconds(time, rows, pair.columns, pair.steps) /
           (secondsOf(rows, pair.middle, pair.steps) + secondsOf(rows, pair.columns, pair.middle));
  }
  /// Of a product by itself.
  double secondsOf(int64_t rows, int64_t columns, int64_t steps) const;
  /// Of its tiles, if blocks of their own have segments of the steps.
  double secondsOfTiles(const TilePace &pace, int64_t rows, int64_t columns, int64_t steps,
                        int64_t segments = 1) const;
  template <typename Shapes>
  TilePace paceOf(const Shapes &shapes, int64_t rows, int64_t columns) const {
    int64_t many =
        llvm::divideCeil(rows, shapes.many.rows) * llvm::divideCeil(columns, shapes.many.columns);
    return TilePace::of(rows <= Shapes::fewRows      ? shapes.few
                        : many >= Shapes::manyBlocks ? shapes.many
                                                     : shapes.middle);
  }

  const Pair &pair;
  const cost::Machine &machine;
  TileTime time;
  bool hasClusters, hasWarpgroups;
};

int64_t Comparison::bestCluster() const {
  int64_t best = 0;
  double least = worthwhile;
  for (int64_t cluster : {int64_t(1), ChainShape::clusterBlocks}) {
    auto shapes = ChainShapes::create(pair.kind, pair.middle, pair.steps, cluster);
    if (!shapes || (cluster > 1 && !hasClusters))
      continue;
    auto isHarmless = [&](int64_t rows) { return ratio(*shapes, rows) <= harmless; };
    double found = ratio(*shapes, isOpen() ? fewRows : pair.rows);
    if (found < least && (!isOpen() || llvm::all_of(manyRows, isHarmless))) {
      least = found;
      best = cluster;
    }
  }
  return best;
}

double Comparison::secondsOfTiles(const TilePace &pace, int64_t rows, int64_t columns,
                                  int64_t steps, int64_t segments) const {
  int64_t blocks = llvm::divideCeil(rows, pace.rows) * llvm::divideCeil(columns, pace.columns);
  return time.start() +
         time.multiply(pace, llvm::divideCeil(steps, pace.steps), blocks * segments) +
         time.finish(pace.rows * pace.columns, blocks * segments);
}

/// In segments where strut-split-steps would make them.
double Comparison::secondsOf(int64_t rows, int64_t columns, int64_t steps) const {
  TensorShapes shapes(pair.kind, /*sums=*/1);
  TilePace pace = hasWarpgroups ? paceOf(WarpgroupShapes(/*sums=*/1), rows, columns)
                                : paceOf(shapes, rows, columns);
  double whole = secondsOfTiles(pace, rows, columns, steps);
  bool maySplit =
      rows <= TensorShapes::fewRows && (pair.kind == Multiplicand::SplitTF32 || !isOpen());
  TilePace few = TilePace::of(shapes.few);
  int64_t ofSegment = few.steps * TensorShape::segmentSlices;
  if (!maySplit || steps <= ofSegment)
    return whole;
  int64_t segments = llvm::divideCeil(steps, ofSegment);
  return std::min(whole, time.start() + secondsOfTiles(few, rows, columns, ofSegment, segments));
}

//===----------------------------------------------------------------------===//
// The chain
//===----------------------------------------------------------------------===//

/// Its maps: of the second product's dimensions, then the first one's steps.
SmallVector<AffineMap> mapsOf(const Pair &pair) {
  MLIRContext *context = pair.second->getContext();
  ContractOp first = pair.first, second = pair.second;
  SmallVector<AffineMap> ofFirst = first.getMaps(), ofSecond = second.getMaps(), maps;
  unsigned dims = second.getNumIterators();
  SmallVector<AffineExpr> renamed(first.getNumIterators());
  for (unsigned axis = 0; axis < ofFirst.back().getNumResults(); ++axis)
    renamed[ofFirst.back().getDimPosition(axis)] =
        getAffineDimExpr(ofSecond[0].getDimPosition(axis), context);
  for (unsigned step : first.getRoles().k)
    renamed[step] = getAffineDimExpr(dims++, context);
  auto append = [&](ArrayRef<AffineMap> some) {
    for (AffineMap map : some)
      maps.push_back(AffineMap::get(dims, 0, map.getResults(), context));
  };
  for (AffineMap &map : ofFirst)
    map = map.replaceDimsAndSymbols(renamed, {}, dims, 0);
  append(ArrayRef(ofFirst).take_front(2));
  append(ofSecond[1]);
  append(ArrayRef(ofFirst).drop_front(2).drop_back());
  append(ArrayRef(ofSecond).drop_front(2));
  return maps;
}

void form(const Pair &pair, int64_t cluster) {
  ContractOp first = pair.first, second = pair.second;
  OpBuilder b(second);
  SmallVector<Value> inputs{first.getLhs(), first.getRhs(), second.getRhs()};
  llvm::append_range(inputs, first.getExtras());
  llvm::append_range(inputs, second.getExtras());
  int64_t middleExtras = first.getExtras().size();
  auto chain = kernel::ChainOp::create(b, b.getFusedLoc({first.getLoc(), second.getLoc()}),
                                       second->getResultTypes(), inputs, second.getInits(), Value(),
                                       b.getAffineMapArrayAttr(mapsOf(pair)),
                                       b.getI64IntegerAttr(middleExtras));
  chain->setDiscardableAttrs(second->getDiscardableAttrDictionary());
  if (Attribute number = first->getDiscardableAttr(kernel::kNumberAttr))
    chain->setDiscardableAttr(kernel::kMiddleNumberAttr, number);
  if (cluster > 1)
    chain->setAttr(kClusterAttr, b.getI64IntegerAttr(cluster));
  chain.getMiddle().takeBody(first.getBody());
  chain.getBody().takeBody(second.getBody());
  for (auto fetch : chain.getBody().getOps<kernel::FetchOp>())
    fetch.setInput(fetch.getInput() + 1 + middleExtras);
  second->replaceAllUsesWith(chain);
  second->erase();
  // What is left of the middle is asked for its extents.
  first->replaceAllUsesWith(ValueRange(first.getInit()));
  first->erase();
}

struct FormChainsPass : impl::FormChainsBase<FormChainsPass> {
  using FormChainsBase::FormChainsBase;

  void runOnOperation() override {
    auto target = dyn_cast<TargetAttr>(getOperation().getTarget());
    if (!target || target.getCapability() < 80 ||
        cost::machineForGpu(target.getCapability()).multiprocessors == 0)
      return;
    SmallVector<ContractOp> products;
    getOperation().walk([&](ContractOp op) { products.push_back(op); });
    for (ContractOp op : products) {
      std::optional<Pair> pair = pairFrom(op, target);
      int64_t cluster = pair ? Comparison(*pair, target).bestCluster() : 0;
      // Condition 5 of form-chains.
      if (cluster == 0)
        continue;
      form(*pair, cluster);
      ++formedChains;
    }
  }
};

} // namespace
} // namespace strut::gpu
