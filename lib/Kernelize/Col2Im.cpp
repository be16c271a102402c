//===- Col2Im.cpp - Blocks that are added up to an image ------------------===//
//
// A row kernel that gathers: each element of the image sums over the elements of a block
// those that lie on it.
//
//===----------------------------------------------------------------------===//
#include "Windows.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

/// What the op says of blocks and image: the extents of the image, and those of a block, which
/// may be known when it runs only.
struct Blocks {
  SmallVector<Dim> image;
  std::optional<SmallVector<int64_t>> block;
  Dim channels;      ///< of the result
  int64_t count = 0; ///< elements of a block
  SmallVector<int64_t> strides, dilations, low, high;
};

Reason supportsCol2Im(Operation *operation) {
  auto type = dyn_cast<RankedTensorType>(operation->getOperand(0).getType());
  if (!type || type.getRank() != 3)
    return "its input is not known to have three axes";
  if (!type.getElementType().isIntOrFloat() || type.getElementType().isInteger(1))
    return "elements of its type are not supported";
  return std::nullopt;
}

/// None, with a message, if the shape of the result is not known.
std::optional<Blocks> blocksOf(AnyOp op, Context &context) {
  auto refuse = [&](const Twine &why) {
    (void)context.refuse(op, why);
    return std::nullopt;
  };
  Blocks blocks;
  auto declared = context.declaredShape(op->getResult(0));
  const auto &image = context[op.in("image_shape")].contents;
  if (!image && !declared)
    return refuse("its image_shape is known only when it runs, and the model does not declare the "
                  "shape of its result");
  blocks.image = image ? *image : SmallVector<Dim>(ArrayRef(*declared).drop_front(2));
  blocks.block = context.integers(op.in("block_shape"));
  unsigned rank = blocks.image.size();
  if (rank == 0 || !context[op.in("block_shape")].dims[0].is(rank))
    return refuse("its block_shape is not known to have an extent for each axis of the image");
  // The channels of the result, times the elements of a block, are those of the input.
  const Dim &planes = context[op.in("input")].dims[1];
  std::optional<Dim> channels;
  if (blocks.block) {
    blocks.count = 1;
    for (int64_t extent : *blocks.block)
      blocks.count *= extent > 0 && extent < (1 << 20) ? extent : 0;
    channels = blocks.count ? planes.dividedBy(Dim(blocks.count)) : std::nullopt;
  } else if (declared && planes.isConstant() && (*declared)[1].constant() > 0) {
    channels = (*declared)[1];
    blocks.count = planes.constant() / channels->constant();
  }
  if (!channels || planes != *channels * Dim(blocks.count) || blocks.count < 1)
    return refuse("its channels are not known to be whole blocks");
  blocks.channels = *channels;
  auto ints = [&](StringRef name, unsigned size, int64_t otherwise) {
    auto attr = op.attr<DenseI64ArrayAttr>(name);
    return attr && attr.size() == size ? llvm::to_vector(attr.asArrayRef())
                                       : SmallVector<int64_t>(size, otherwise);
  };
  blocks.strides = ints("strides", rank, 1);
  blocks.dilations = ints("dilations", rank, 1);
  SmallVector<int64_t> pads = ints("pads", 2 * rank, 0);
  blocks.low.assign(pads.begin(), pads.begin() + rank);
  blocks.high.assign(pads.begin() + rank, pads.end());
  for (unsigned i = 0; i < rank; ++i)
    if (blocks.strides[i] < 1 || blocks.dilations[i] < 1 || blocks.low[i] < 0 || blocks.high[i] < 0)
      return refuse("the blocks along axis " + Twine(i) + " of its image are not valid");
  return blocks;
}

/// The block that has element `k` at this place of the image, and whether there is one.
Origin blockAt(Code &c, const Blocks &blocks, ArrayRef<Extent> image, ArrayRef<Value> sizes,
               Value k) {
  Value exists, block, scale = c.index(1);
  auto add = [&](Value x, Value y) { return c.make<arith::AddIOp>(x, y); };
  auto sub = [&](Value x, Value y) { return c.make<arith::SubIOp>(x, y); };
  auto mul = [&](Value x, Value y) { return c.make<arith::MulIOp>(x, y); };
  for (unsigned i = image.size(); i-- > 0;) {
    Value dilation = c.index(blocks.dilations[i]);
    Value reach = mul(c.make<arith::RemUIOp>(k, sizes[i]), dilation);
    k = c.make<arith::DivUIOp>(k, sizes[i]);
    Value room = add(image[i].in(c), c.index(blocks.low[i] + blocks.high[i] - 1));
    room = c.make<arith::MaxSIOp>(sub(room, mul(sub(sizes[i], c.index(1)), dilation)), c.index(0));
    Value windows = add(c.make<arith::DivUIOp>(room, c.index(blocks.strides[i])), c.index(1));
    Origin origin =
        originOf(c, c.dim(2 + i), reach, c.index(blocks.low[i]), blocks.strides[i], windows);
    Value term = mul(origin.place, scale);
    block = block ? add(block, term) : term;
    scale = mul(scale, windows);
    exists = exists ? c.make<arith::AndIOp>(exists, origin.exists) : origin.exists;
  }
  return {block, exists};
}

/// image[n, c, o...] = the sum over k of columns[n, c * K + k, the block whose element k is o]
LogicalResult lowerCol2Im(Operation *operation, Context &context) {
  AnyOp op(operation);
  Value columns = op.in("input"), given = op.in("block_shape");
  std::optional<Blocks> blocks = blocksOf(op, context);
  if (!blocks)
    return failure();
  SmallVector<Dim> dims = context[columns].dims, shape = {dims[0], blocks->channels};
  llvm::append_range(shape, blocks->image);
  if (dims[2].is(0))
    return context.refuse(op, "it has no blocks");
  unsigned rank = blocks->image.size();
  SmallVector<Extent> image;
  for (const Dim &extent : blocks->image)
    image.emplace_back(context, extent);
  Extent number(context, dims[2]);
  Type element = context[columns].element, kind = context[given].element;
  SmallVector<Input> inputs = {{context.tensor(columns), {}, {}}};
  if (!blocks->block)
    inputs.push_back({context.tensor(given), {}, {}});
  // (n, c, o..., k)
  AffineMap all = AffineMap::getMultiDimIdentityMap(rank + 3, op->getContext());
  Context::Init init{shape, element, all.getMajorSubMap(rank + 2)};
  SmallVector<int64_t> extents(rank + 3, -1);
  extents.back() = blocks->count;
  auto body = [&](Code &c, ValueRange) {
    SmallVector<Value> sizes;
    for (unsigned i = 0; i < rank; ++i) {
      Value size = blocks->block ? c.index((*blocks->block)[i])
                                 : c.make<arith::IndexCastOp>(c.b.getIndexType(),
                                                              c.fetch(1, kind, c.index(i)));
      sizes.push_back(c.make<arith::MaxSIOp>(size, c.index(1)));
    }
    Value k = c.dim(rank + 2);
    Origin block = blockAt(c, *blocks, image, sizes, k);
    // No more blocks than there are, whatever a run says.
    Value last = c.make<arith::SubIOp>(number.in(c), c.index(1));
    Value plane = c.make<arith::MulIOp>(c.dim(1), c.index(blocks->count));
    SmallVector<Value> at = {c.dim(0), c.make<arith::AddIOp>(plane, k),
                             c.make<arith::MinSIOp>(block.place, last)};
    Value value = c.widen(c.fetch(0, element, at));
    Value term = c.select(block.exists, value, c.constant(0, value));
    return c.combine(kernel::CombineKind::Add, term);
  };
  context.define(op->getResult(0), context.rows(op->getLoc(), 1, inputs, init, body, extents),
                 shape);
  return success();
}

} // namespace

void addCol2Im(LoweringTable &table) { table["onnx.Col2Im"] = {supportsCol2Im, lowerCol2Im}; }

} // namespace strut::kernelize
