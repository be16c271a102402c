//===- PlaceParts.cpp - Parts computed where they are put together --------===//
//
//   y = concat(a, b)  z = concat(a, b, c)      z = [a | b | c], y = the first two parts of z
//
// A tensor that is copied into a part of a larger one is written there by the kernel that computes
// it, and its other readers read the part. A concatenation whose parts begin another one is that
// one's beginning. So a dense block of a convolutional network has one buffer, into which each
// layer writes its channels, and no copies.
//
// On tensors the buffer is a chain of insertions. Parts are independent, so they go in in the order
// in which they are computed, and whoever reads a part reads it of the newest version of the whole:
// then no version is read once a newer one has been written, and bufferisation needs no copy.
//
//===----------------------------------------------------------------------===//
#include "Parts.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Dominance.h"
#include "mlir/Transforms/RegionUtils.h"
#include "strut/Kernelize/Passes.h"

namespace strut::kernelize {
#define GEN_PASS_DEF_PLACEPARTS
#include "strut/Kernelize/Passes.h.inc"
} // namespace strut::kernelize

using namespace mlir;

namespace strut::kernelize {
namespace {

/// A tensor that is put together, and how.
struct Whole {
  tensor::InsertSliceOp last;
  tensor::EmptyOp empty;
  SmallVector<Part> parts;
};

/// The whole that ends with `last`, if its parts follow each other along one axis.
std::optional<Whole> concatenation(tensor::InsertSliceOp last) {
  if (llvm::any_of(last->getUsers(), llvm::IsaPred<tensor::InsertSliceOp>))
    return std::nullopt;
  std::optional<SmallVector<Part>> parts = partsOf(last);
  if (!parts)
    return std::nullopt;
  for (auto [i, part] : llvm::enumerate(*parts)) {
    for (Operation *user : part.insert.getDest().getUsers())
      if (i > 0 && user != part.insert && user != part.slice())
        return std::nullopt;
    unsigned shifted = 0;
    for (OpFoldResult offset : part.insert.getMixedOffsets())
      shifted += !isZeroInteger(offset);
    if (shifted != unsigned(i > 0) || !part.insert.hasUnitStride())
      return std::nullopt;
  }
  auto empty = parts->front().insert.getDest().getDefiningOp<tensor::EmptyOp>();
  return Whole{last, empty, std::move(*parts)};
}

/// Whether all that is done to a value is that kernels read it, wherever it lies. These, also those
/// that read slices of it, are added to `readers`.
bool isOnlyRead(Value value, SmallVectorImpl<Operation *> &readers) {
  return llvm::all_of(value.getUses(), [&](OpOperand &use) {
    Operation *user = use.getOwner();
    if (isa<tensor::DimOp>(user))
      return true;
    if (auto slice = dyn_cast<tensor::ExtractSliceOp>(user))
      return isOnlyRead(slice.getResult(), readers);
    auto kernelOp = dyn_cast<kernel::KernelOpInterface>(user);
    bool reads = kernelOp && isa<kernel::ContractOp, kernel::RowsOp, kernel::MapOp>(user) &&
                 use.getOperandNumber() < kernelOp.getKernelInputs().size();
    // The right-hand side of a product may be packed, which takes it whole.
    if (auto contract = dyn_cast<kernel::ContractOp>(user))
      reads &=
          use.getOperandNumber() >= contract.getNumFactors() || use.getOperandNumber() % 2 == 0;
    if (reads)
      readers.push_back(user);
    return reads;
  });
}

/// Whether the part lies in runs of memory that are long enough to be read as well as a tensor of
/// its own: of a cache line at least.
bool hasLongRuns(Part &part) {
  constexpr int64_t line = 64;
  auto source = part.insert.getSourceType(), whole = part.insert.getDestType();
  int64_t run = std::max(1u, source.getElementTypeBitWidth() / 8);
  for (int64_t axis = source.getRank() - 1; axis >= 0; --axis) {
    if (source.isDynamicDim(axis))
      return true;
    run *= source.getDimSize(axis);
    if (source.getDimSize(axis) != whole.getDimSize(axis))
      break;
  }
  return run >= line;
}

/// What becomes of one whole.
class Placement {
public:
  Placement(RewriterBase &rewriter, Whole whole) : rewriter(rewriter), whole(std::move(whole)) {
    addWriters(this->whole);
  }

  /// Makes `shorter` the beginning of the whole, if it is that; returns whether it is.
  bool absorb(Whole &shorter);
  /// Finds the kernels that can write into the whole what is copied there now.
  void findProducers();
  /// Writes the parts where they are computed; returns how many are no longer copied.
  unsigned apply();

private:
  /// When a part is written.
  struct Step {
    Operation *at; ///< the kernel that writes it, or the copy in whose place a new one is made
    Part *part;
    kernel::KernelOpInterface producer; ///< null for what is copied still
  };

  void addWriters(const Whole &added);
  bool beginsWith(Whole &shorter);
  SmallVector<Step> steps();
  tensor::InsertSliceOp write(const Step &step, Value into);
  Value newestBefore(Operation *op);
  void readFromWhole(Value value, ArrayRef<OpFoldResult> offsets, ArrayRef<OpFoldResult> sizes);

  RewriterBase &rewriter;
  Whole whole;
  SmallVector<Whole> absorbed;
  /// Whatever may write into the whole, and so cannot read it; the copies among these.
  SmallPtrSet<Operation *, 8> writers, copies;
  /// What reads the beginnings.
  SmallVector<Operation *> beginningReaders;
  /// By the copies into the whole: the first copy of the same, and the kernel that computes it.
  DenseMap<Operation *, Operation *> firstCopies;
  DenseMap<Operation *, kernel::KernelOpInterface> producers;
  SmallVector<tensor::InsertSliceOp> versions;
  /// The chains of insertions that there were.
  SetVector<Operation *> former;
};

void Placement::addWriters(const Whole &added) {
  for (Part part : added.parts) {
    writers.insert(part.writer);
    former.insert(part.insert);
    if (part.read) {
      copies.insert(part.writer);
      former.insert(part.writer);
      former.insert(part.slice());
    }
  }
}

/// Whether the first parts are copies of the same values.
bool Placement::beginsWith(Whole &shorter) {
  return shorter.parts.size() < whole.parts.size() &&
         llvm::all_of(
             llvm::zip(whole.parts, shorter.parts),
             [](auto pair) {
               auto &[ours, theirs] = pair;
               return ours.read && ours.read.isIdentity() && theirs.read == ours.read &&
                      ours.moved() == theirs.moved() &&
                      ours.insert.getMixedOffsets() == theirs.insert.getMixedOffsets() &&
                      ours.insert.getMixedSizes() == theirs.insert.getMixedSizes();
             });
}

bool Placement::absorb(Whole &shorter) {
  Part first = whole.parts.front();
  Value beginning = shorter.last.getResult();
  bool isNested = first.read && first.read.isIdentity() && first.moved() == beginning;
  if (shorter.last->getBlock() != whole.last->getBlock() || (!isNested && !beginsWith(shorter)))
    return false;
  SmallVector<Operation *> readers;
  // Condition 2 of place-parts.
  if (!isOnlyRead(beginning, readers))
    return false;
  if (isNested)
    llvm::erase(readers, first.writer.getOperation());
  // Condition 3 of place-parts.
  if (llvm::any_of(readers, [&](Operation *reader) { return writers.contains(reader); }))
    return false;
  addWriters(shorter);
  llvm::append_range(beginningReaders, readers);
  absorbed.push_back(shorter);
  if (isNested) { // its parts are the whole's
    whole.parts.erase(whole.parts.begin());
    whole.parts.insert(whole.parts.begin(), shorter.parts.begin(), shorter.parts.end());
    return true;
  }
  for (auto [ours, theirs] : llvm::zip(whole.parts, shorter.parts)) {
    Operation *&earliest = firstCopies[ours.writer];
    if (!earliest || theirs.writer->isBeforeInBlock(earliest))
      earliest = theirs.writer;
  }
  return true;
}

void Placement::findProducers() {
  DenseMap<Value, unsigned> times;
  for (Part &part : whole.parts)
    if (part.read)
      ++times[part.moved()];
  for (Part &part : whole.parts) {
    if (!part.read || !part.read.isIdentity() || times[part.moved()] > 1 ||
        part.moved().getType() != part.insert.getSourceType())
      continue;
    auto producer = part.moved().getDefiningOp<kernel::KernelOpInterface>();
    if (!producer || !isa<kernel::ContractOp, kernel::RowsOp, kernel::MapOp>(*producer) ||
        producer->getNumResults() != 1 ||
        // Condition 1 of place-parts.
        producer->getBlock() != whole.last->getBlock() ||
        !producer.getKernelInits()[0].getDefiningOp<tensor::EmptyOp>() ||
        // Condition 3 of place-parts.
        llvm::is_contained(beginningReaders, producer))
      continue;
    producers[part.writer] = producer;
    writers.insert(producer);
  }
  for (Part &part : whole.parts) {
    if (!producers.contains(part.writer))
      continue;
    SmallVector<Operation *> readers;
    bool isRead = isOnlyRead(part.moved(), readers);
    // The copies of all of it go.
    llvm::erase_if(readers, [&](Operation *reader) {
      return copies.contains(reader) && reader->getOperand(0) == part.moved();
    });
    bool stays = // Condition 2 of place-parts.
        !isRead ||
        // Condition 3 of place-parts.
        llvm::any_of(readers, [&](Operation *reader) { return writers.contains(reader); }) ||
        // Condition 4 of place-parts.
        (!readers.empty() && !hasLongRuns(part));
    if (stays)
      producers.erase(part.writer);
  }
}

SmallVector<Placement::Step> Placement::steps() {
  SmallVector<Step> steps;
  for (Part &part : whole.parts) {
    Step step{part.writer, &part, producers.lookup(part.writer)};
    if (step.producer)
      step.at = step.producer;
    else if (Operation *copy = firstCopies.lookup(part.writer);
             copy && copy->isBeforeInBlock(step.at))
      step.at = copy;
    steps.push_back(step);
  }
  llvm::sort(steps, [](const Step &a, const Step &b) { return a.at->isBeforeInBlock(b.at); });
  return steps;
}

tensor::InsertSliceOp Placement::write(const Step &step, Value into) {
  tensor::InsertSliceOp old = step.part->insert;
  Location loc = old.getLoc();
  rewriter.setInsertionPoint(step.at);
  Value slice = tensor::ExtractSliceOp::create(rewriter, loc, old.getSourceType(), into,
                                               old.getMixedOffsets(), old.getMixedSizes(),
                                               old.getMixedStrides());
  kernel::KernelOpInterface writer = step.producer;
  if (!writer)
    writer = step.part->read ? cast<kernel::KernelOpInterface>(rewriter.clone(*step.at))
                             : step.part->writer;
  Operation *target = writer.getKernelInits()[0].getDefiningOp();
  KernelEdit edit(rewriter, writer);
  edit.inits[0] = slice;
  edit.commit();
  if (target->use_empty())
    rewriter.eraseOp(target);
  rewriter.setInsertionPointAfter(writer);
  return tensor::InsertSliceOp::create(rewriter, loc, writer->getResult(0), into,
                                       old.getMixedOffsets(), old.getMixedSizes(),
                                       old.getMixedStrides());
}

/// The newest version of the whole before `op`, which is not the first of its readers.
Value Placement::newestBefore(Operation *op) {
  Operation *here = versions[0]->getBlock()->findAncestorOpInBlock(*op);
  Value newest;
  for (tensor::InsertSliceOp version : versions)
    if (version->isBeforeInBlock(here))
      newest = version.getResult();
  return newest;
}

/// Whoever reads `value` reads the same of the whole, but for what puts it there.
void Placement::readFromWhole(Value value, ArrayRef<OpFoldResult> offsets,
                              ArrayRef<OpFoldResult> sizes) {
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<OpFoldResult> steps(type.getRank(), rewriter.getIndexAttr(1));
  for (OpOperand &use : llvm::make_early_inc_range(value.getUses())) {
    Operation *user = use.getOwner();
    if (former.contains(user) || llvm::is_contained(versions, user))
      continue;
    rewriter.setInsertionPoint(user);
    Value slice = tensor::ExtractSliceOp::create(rewriter, user->getLoc(), type, newestBefore(user),
                                                 offsets, sizes, steps);
    rewriter.modifyOpInPlace(user, [&] { use.set(slice); });
  }
}

unsigned Placement::apply() {
  if (producers.empty() && absorbed.empty())
    return 0;
  SmallVector<Step> order = steps();
  SmallVector<Value> extents(whole.empty.getDynamicSizes());
  for (Part &part : whole.parts) {
    llvm::append_range(extents, part.insert.getOffsets());
    llvm::append_range(extents, part.insert.getSizes());
  }
  if (failed(moveValueDefinitions(rewriter, extents, order.front().at)))
    return 0;

  rewriter.setInsertionPoint(order.front().at);
  Value now = rewriter.clone(*whole.empty)->getResult(0);
  for (const Step &step : order) {
    versions.push_back(write(step, now));
    now = versions.back().getResult();
  }
  rewriter.replaceAllUsesWith(whole.last.getResult(), now);
  SmallVector<OpFoldResult> start = whole.parts[0].insert.getMixedOffsets();
  for (Whole &shorter : absorbed)
    readFromWhole(shorter.last.getResult(), start, shorter.empty.getMixedSizes());
  unsigned stay = 0;
  for (auto [step, version] : llvm::zip(order, versions)) {
    stay += !step.producer && step.part->read;
    if (step.producer)
      readFromWhole(step.producer->getResult(0), version.getMixedOffsets(),
                    version.getMixedSizes());
  }
  unsigned gone = copies.size() - stay;
  SmallVector<Operation *> dead(former.begin(), former.end());
  llvm::sort(dead, [](Operation *a, Operation *b) { return b->isBeforeInBlock(a); });
  for (Operation *op : dead)
    if (op->use_empty()) // the first slice may serve other wholes of this shape
      rewriter.eraseOp(op);
  return gone;
}

struct PlacePartsPass : impl::PlacePartsBase<PlacePartsPass> {
  void runOnOperation() override {
    getOperation()->walk([&](Block *block) { placeIn(*block); });
  }

  void placeIn(Block &block) {
    SmallVector<Whole> wholes;
    for (auto last : block.getOps<tensor::InsertSliceOp>())
      if (std::optional<Whole> whole = concatenation(last))
        wholes.push_back(std::move(*whole));
    // The last first: of nested ones that is the outermost, of those with parts in common the
    // longest.
    std::reverse(wholes.begin(), wholes.end());
    IRRewriter rewriter(&getContext());
    SmallVector<bool> done(wholes.size(), false);
    for (size_t i = 0; i < wholes.size(); ++i) {
      if (done[i] ||
          // Condition 5 of place-parts.
          isReturned(wholes[i].last.getResult()))
        continue;
      Placement placement(rewriter, wholes[i]);
      SmallVector<size_t> begun;
      for (size_t j = 0; j < wholes.size(); ++j)
        if (j != i && !done[j] && placement.absorb(wholes[j]))
          begun.push_back(j);
      placement.findProducers();
      unsigned copies = placement.apply();
      if (copies == 0)
        continue;
      done[i] = true;
      for (size_t j : begun)
        done[j] = true;
      numCopies += copies;
      numBegun += begun.size();
    }
  }

  /// What a function returns may lie in the memory of an input, which is then written last.
  static bool isReturned(Value value) {
    return llvm::any_of(value.getUsers(), [](Operation *user) {
      if (isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp, tensor::CastOp>(user))
        return isReturned(user->getResult(0));
      return user->hasTrait<OpTrait::IsTerminator>();
    });
  }
};

} // namespace
} // namespace strut::kernelize
