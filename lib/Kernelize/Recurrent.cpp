//===- Recurrent.cpp - RNN, GRU and LSTM ----------------------------------===//
//
// Two parts. What the inputs contribute to the gates is one contraction over all steps,
// with weights that are packed. What the state contributes is a loop of the host function
// around kernels: a contraction of the state, and one pointwise kernel of all gates that
// writes the states and the step's output where they belong. States are carried by the
// loop as tensors that the kernels write in place, so that memory is planned for one of
// each, whatever the number of steps.
//
// A step beyond the length of a sequence leaves its state alone and puts out zeros. Read
// backwards, such steps come first and leave the initial state, which is what a reversal
// within the length means.
//
//===----------------------------------------------------------------------===//
#include "Loops.h"
#include "RecurrentCells.h"
#include "Slices.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/DialectResourceBlobManager.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

/// The elements of a constant from number `first` on, as `type`; null where their bytes
/// are not at hand.
ElementsAttr partOf(ElementsAttr constant, int64_t first, RankedTensorType type) {
  int64_t width = type.getElementTypeBitWidth() / 8, bytes = type.getNumElements() * width;
  if (auto file = dyn_cast<onnx_ir::FileDataAttr>(constant))
    return onnx_ir::FileDataAttr::get(type, file.getPath(), file.getOffset() + first * width,
                                      bytes);
  if (auto splat = dyn_cast<SplatElementsAttr>(constant))
    return splat.resizeSplat(type);
  ArrayRef<char> data;
  if (auto dense = dyn_cast<DenseElementsAttr>(constant))
    data = dense.getRawData();
  else if (auto resource = dyn_cast<DenseResourceElementsAttr>(constant))
    if (AsmResourceBlob *blob = resource.getRawHandle().getBlob())
      data = blob->getData();
  if (data.size() < size_t(first * width + bytes))
    return {};
  return DenseElementsAttr::getFromRawBuffer(type, data.slice(first * width, bytes));
}

class Recurrence {
public:
  Recurrence(AnyOp op, Context &context) : op(op), context(context), loc(op->getLoc()) {}
  LogicalResult lower();

private:
  enum { None = -1 };
  /// What a loop carries from step to step: h, c of an LSTM, the output of all steps.
  struct State {
    Value h, c, y;
  };
  /// How many sums the kernel of all gates reads, and which operands are the states, the lengths
  /// of sequences and the first of three peepholes.
  struct Places {
    unsigned sums;
    int h = None, c = None, length = None, peephole = None;
  };

  LogicalResult readShapes();
  AffineMap map(unsigned dims, ArrayRef<unsigned> results) {
    SmallVector<AffineExpr> exprs =
        llvm::map_to_vector(results, [&](unsigned d) { return context.b.getAffineDimExpr(d); });
    return AffineMap::get(dims, 0, exprs, context.getContext());
  }
  Value part(Value operand, unsigned direction, const Dim &first, ArrayRef<Dim> shape);
  Value at(Value tensor, ArrayRef<OpFoldResult> starts, ArrayRef<Dim> sizes, unsigned kept);
  SmallVector<Value> biases(unsigned direction);
  Value project(unsigned direction);
  Value initial(Value operand, unsigned direction, Type element);
  Value stateProduct(Value state, unsigned direction, unsigned firstGate, unsigned numGates,
                     ArrayRef<Input> extras, BodyBuilder body);
  State run(unsigned direction, Value y);
  State step(unsigned direction, Value place, Value projected, const State &before);
  /// Appends to `inputs`, the sums of a cell's gates, what else its kernel reads.
  Places addState(unsigned direction, const State &before, SmallVector<Input> &inputs);
  State update(unsigned direction, Value place, SmallVector<Input> inputs, const State &before);
  SmallVector<Value> mapInto(ArrayRef<Input> inputs, ArrayRef<Value> inits,
                             llvm::function_ref<SmallVector<Value>(Code &, ValueRange)> body);
  Value stack(ArrayRef<Value> states);

  Value operand(StringRef name) {
    return (name == "P" || name == "initial_c") && cells[0].kind != Cell::LSTM ? Value()
                                                                               : op.in(name);
  }
  static bool isWanted(Value result) {
    return result && !isa<NoneType>(result.getType()) && !result.use_empty();
  }
  /// Of all gates.
  Dim width() const { return hidden * Dim(cells[0].numGates()); }
  bool isReverse(unsigned direction) {
    auto way = op.attr<StringAttr>("direction");
    return direction == 1 || (way && way.getValue() == "reverse");
  }

  AnyOp op;
  Context &context;
  Location loc;
  SmallVector<Cell> cells; ///< one per direction
  Type element, wide;      ///< of the operands, and of what is summed up
  Dim steps, batch, inputs, hidden;
  bool batchFirst = false;
};

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

LogicalResult Recurrence::readShapes() {
  if (Reason reason = Cell::read(op, cells))
    return context.refuse(op, *reason);
  batchFirst = intAttr(op, "layout") == 1;
  SmallVector<Dim> x = context[op.in("X")].dims, w = context[op.in("W")].dims,
                   r = context[op.in("R")].dims;
  if (x.size() != 3 || w.size() != 3 || r.size() != 3)
    return context.refuse(op, "X, W and R must have three axes each");
  element = context[op.in("X")].element;
  wide = element.isF64() ? element : Type(context.b.getF32Type());
  steps = x[batchFirst ? 1 : 0];
  batch = x[batchFirst ? 0 : 1];
  inputs = x[2];
  hidden = r[2];
  Dim directions(int64_t(cells.size()));
  // `shape` as the standard has it, for operands that are there.
  auto agree = [&](StringRef name, ArrayRef<Dim> shape) {
    Value value = operand(name);
    if (!value)
      return true;
    SmallVector<Dim> dims = context[value].dims;
    return dims.size() == shape.size() && llvm::all_of_zip(dims, shape, [&](auto &a, auto &b) {
             return context.match(a, b).has_value();
           });
  };
  SmallVector<Dim> states = batchFirst ? SmallVector<Dim>{batch, directions, hidden}
                                       : SmallVector<Dim>{directions, batch, hidden};
  std::pair<StringRef, SmallVector<Dim>> expected[] = {
      {"W", {directions, width(), inputs}},
      {"R", {directions, width(), hidden}},
      {"B", {directions, width() * Dim(2)}},
      {"sequence_lens", {batch}},
      {"P", {directions, hidden * Dim(3)}},
      {"initial_h", states},
      {"initial_c", states},
  };
  for (auto &[name, shape] : expected)
    if (!agree(name, shape))
      return context.refuse(op, "the shape of " + name +
                                    " does not fit its direction, hidden size and X");
  return success();
}

/// Elements `first`... of one direction's share of an operand, as an array of `shape`: a
/// weight of its own where the operand is constant, so that it can be packed.
Value Recurrence::part(Value operand, unsigned direction, const Dim &first, ArrayRef<Dim> shape) {
  const Tracked &tracked = context[operand];
  SmallVector<Dim> own = tracked.dims;
  Dim share = product(ArrayRef(own).drop_front()), start = Dim(direction) * share + first;
  bool isFixed =
      start.isConstant() && llvm::all_of(shape, [](const Dim &d) { return d.isConstant(); });
  if (tracked.constant && isFixed)
    if (ElementsAttr bytes =
            partOf(tracked.constant, start.constant(), DimEnv::type(shape, tracked.element)))
      return context.weight(loc, bytes);
  Value tensor = context.tensor(operand);
  // The rows that `first` skips are whole ones.
  SmallVector<Dim> starts(own.size(), Dim(0)), sizes(own);
  starts[0] = Dim(direction);
  starts[1] = own.size() == 2 ? first : *first.dividedBy(own[2]);
  sizes[0] = Dim(1);
  sizes[1] = shape[0];
  return at(tensor, context.dims.operands(starts), sizes, shape.size());
}

/// The part of a tensor, its leading axes of extent 1 dropped so that `kept` are left.
Value Recurrence::at(Value tensor, ArrayRef<OpFoldResult> starts, ArrayRef<Dim> sizes,
                     unsigned kept) {
  OpBuilder &b = context.b;
  Type type = DimEnv::type(sizes.take_back(kept), getElementTypeOrSelf(tensor.getType()));
  SmallVector<OpFoldResult> ones(sizes.size(), b.getIndexAttr(1));
  return tensor::ExtractSliceOp::create(b, loc, cast<RankedTensorType>(type), tensor, starts,
                                        context.dims.operands(sizes), ones);
}

/// The biases of x·Wᵀ and of h·Rᵀ.
SmallVector<Value> Recurrence::biases(unsigned direction) {
  Value bias = operand("B");
  if (!bias)
    return {};
  return {part(bias, direction, Dim(0), width()), part(bias, direction, width(), width())};
}

/// steps × batch × all gates: x·Wᵀ and the biases that are added before anything else.
Value Recurrence::project(unsigned direction) {
  enum : unsigned { t, m, n, k, dims };
  SmallVector<Input> reads = {
      {context.tensor(op.in("X")), batchFirst ? map(dims, {m, t, k}) : map(dims, {t, m, k}), {}},
      {part(op.in("W"), direction, Dim(0), {width(), inputs}), map(dims, {n, k}), {}}};
  SmallVector<Value> added = biases(direction);
  if (cells[direction].linearBeforeReset && !added.empty())
    added.truncate(1);
  for (Value bias : added)
    reads.push_back({bias, map(dims, {n}), {}});
  return context.contract(loc, reads, {{steps, batch, width()}, wide, map(dims, {t, m, n})},
                          [&](Code &c, ValueRange x) {
                            Value sum = x[0];
                            for (Value bias : x.drop_front())
                              sum = c.add(sum, c.cast(bias, sum.getType()));
                            return sum;
                          });
}

/// The state before the first step, as a tensor that steps may write to.
Value Recurrence::initial(Value operand, unsigned direction, Type type) {
  SmallVector<Dim> shape = {batch, hidden};
  if (!operand)
    return context.map(loc, shape, type, {},
                       [&](Code &c, ValueRange) { return c.constant(0, wide); });
  AffineExpr d = context.b.getAffineConstantExpr(direction), m, j;
  bindDims(context.getContext(), m, j);
  AffineMap read = AffineMap::get(2, 0, batchFirst ? ArrayRef({m, d, j}) : ArrayRef({d, m, j}),
                                  context.getContext());
  return context.map(loc, shape, type, {{context.tensor(operand), read, {}}},
                     [](Code &, ValueRange x) { return x[0]; });
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

/// batch × gates: state·Rᵀ of some gates, through `body`.
Value Recurrence::stateProduct(Value state, unsigned direction, unsigned firstGate,
                               unsigned numGates, ArrayRef<Input> extras, BodyBuilder body) {
  enum : unsigned { m, n, k, dims };
  Dim rows = hidden * Dim(numGates), first = hidden * hidden * Dim(firstGate);
  SmallVector<Input> reads = {
      {state, map(dims, {m, k}), {}},
      {part(op.in("R"), direction, first, {rows, hidden}), map(dims, {n, k}), {}}};
  llvm::append_range(reads, extras);
  return context.contract(loc, reads, {{batch, rows}, wide, map(dims, {m, n})}, body);
}

/// A pointwise kernel over batch × hidden that writes several tensors.
SmallVector<Value>
Recurrence::mapInto(ArrayRef<Input> inputs, ArrayRef<Value> inits,
                    llvm::function_ref<SmallVector<Value>(Code &, ValueRange)> body) {
  OpBuilder &b = context.b;
  SmallVector<Value> reads;
  SmallVector<AffineMap> maps;
  for (const Input &input : inputs) {
    reads.push_back(input.tensor);
    maps.push_back(input.map);
  }
  maps.append(inits.size(), map(2, {0, 1}));
  auto kernelOp = kernel::MapOp::create(b, loc, TypeRange(ValueRange(inits)), reads, inits, Value(),
                                        b.getAffineMapArrayAttr(maps));
  ++context.numKernels;
  OpBuilder inner(context.getContext());
  Block *block = inner.createBlock(&kernelOp.getBody());
  Code code{inner, loc};
  SmallVector<Value> scalars;
  for (Value read : reads)
    scalars.push_back(code.widen(block->addArgument(getElementTypeOrSelf(read.getType()), loc)));
  SmallVector<Value> results = body(code, scalars);
  for (auto [result, init] : llvm::zip(results, inits))
    result = code.cast(result, getElementTypeOrSelf(init.getType()));
  kernel::YieldOp::create(inner, loc, results);
  return kernelOp.getResults();
}

Recurrence::Places Recurrence::addState(unsigned direction, const State &before,
                                        SmallVector<Input> &inputs) {
  AffineMap all = map(2, {0, 1});
  auto add = [&](Value tensor, AffineMap read) -> int {
    inputs.push_back({tensor, read, {}});
    return inputs.size() - 1;
  };
  Places places;
  places.sums = inputs.size();
  Value lengths = operand("sequence_lens"), peepholes = operand("P");
  if (lengths || cells[direction].kind == Cell::GRU)
    places.h = add(before.h, all);
  if (before.c)
    places.c = add(before.c, all);
  if (lengths)
    places.length = add(context.tensor(lengths), map(2, {0}));
  for (unsigned i = 0; peepholes && i < 3; ++i) {
    int place = add(part(peepholes, direction, hidden * Dim(i), hidden), map(2, {1}));
    places.peephole = i == 0 ? place : places.peephole;
  }
  return places;
}

/// The kernel of all gates: the states after a step. `inputs` are what the cell computes
/// with; the states and the length of the sequence follow here.
Recurrence::State Recurrence::update(unsigned direction, Value place, SmallVector<Input> inputs,
                                     const State &before) {
  Places places = addState(direction, before, inputs);
  SmallVector<Value> inits = {before.h};
  if (before.c)
    inits.push_back(before.c);
  SmallVector<OpFoldResult> starts(4, context.b.getIndexAttr(0));
  SmallVector<Dim> sizes = {Dim(1), Dim(1), batch, hidden};
  starts[batchFirst ? 1 : 0] = place;
  starts[batchFirst ? 2 : 1] = context.b.getIndexAttr(direction);
  if (batchFirst)
    sizes = {batch, Dim(1), Dim(1), hidden};
  SmallVector<OpFoldResult> extents = context.dims.operands(sizes),
                            ones(4, context.b.getIndexAttr(1));
  if (before.y)
    inits.push_back(tensor::ExtractSliceOp::create(
        context.b, loc, DimEnv::type({batch, hidden}, element), before.y, starts, extents, ones));

  SmallVector<Value> after = mapInto(inputs, inits, [&](Code &code, ValueRange x) {
    auto read = [&](int place, unsigned count = 1) {
      return place == None ? ValueRange() : x.slice(place, count);
    };
    ValueRange h = read(places.h), c = read(places.c), length = read(places.length);
    SmallVector<Value> next =
        cells[direction].next(code, x.take_front(places.sums), h, c, read(places.peephole, 3));
    Value output = next[0];
    if (!length.empty()) {
      Value valid =
          code.make<arith::CmpIOp>(arith::CmpIPredicate::slt, place, asIndex(code, length[0]));
      output = code.select(valid, output, code.constant(0, output));
      next[0] = code.select(valid, next[0], h[0]);
      if (before.c)
        next[1] = code.select(valid, next[1], c[0]);
    }
    if (before.y)
      next.push_back(output);
    return next;
  });
  State result{after[0], before.c ? after[1] : Value(), before.y};
  if (before.y)
    result.y = tensor::InsertSliceOp::create(context.b, loc, after.back(), before.y, starts,
                                             extents, ones);
  return result;
}

Recurrence::State Recurrence::step(unsigned direction, Value place, Value projected,
                                   const State &before) {
  const Cell &cell = cells[direction];
  AffineMap all = map(2, {0, 1});
  OpFoldResult zero = context.b.getIndexAttr(0);
  auto ofStep = [&](unsigned gate, unsigned count) {
    OpFoldResult first = context.dims.operand(hidden * Dim(gate));
    return at(projected, {place, zero, first}, {Dim(1), batch, hidden * Dim(count)}, 2);
  };
  auto gate = [&](Value sums, unsigned gate) -> Input {
    OpFoldResult first = context.dims.operand(hidden * Dim(gate));
    return {at(sums, {zero, first}, {batch, hidden}, 2), all, {}};
  };
  auto addExtra = [](Code &c, ValueRange x) {
    return x.size() == 1 ? x[0] : c.add(x[0], c.cast(x[1], x[0].getType()));
  };
  AffineMap matrix = map(3, {0, 1}), row = map(3, {1});
  SmallVector<Input> inputs;
  if (cell.kind != Cell::GRU) {
    unsigned count = cell.numGates();
    Value sums =
        stateProduct(before.h, direction, 0, count, {{ofStep(0, count), matrix, {}}}, addExtra);
    for (unsigned g = 0; g < count; ++g)
      inputs.push_back(count == 1 ? Input{sums, all, {}} : gate(sums, g));
  } else if (cell.linearBeforeReset) {
    SmallVector<Input> bias;
    if (operand("B"))
      bias.push_back({biases(direction)[1], row, {}});
    Value sums = stateProduct(before.h, direction, 0, 3, bias, addExtra);
    for (unsigned g = 0; g < 3; ++g)
      inputs.push_back(gate(sums, g));
    for (unsigned g = 0; g < 3; ++g)
      inputs.push_back({ofStep(g, 1), all, {}});
  } else {
    Value gates =
        stateProduct(before.h, direction, 0, 2, {{ofStep(0, 2), matrix, {}}},
                     [&](Code &c, ValueRange x) { return cell.activate(c, c.add(x[0], x[1]), 0); });
    Value reset = context.map(
        loc, {batch, hidden}, element, {gate(gates, 1), {before.h, all, {}}},
        [](Code &c, ValueRange x) { return c.mul(x[0], c.cast(x[1], x[0].getType())); });
    Value candidate = stateProduct(reset, direction, 2, 1, {{ofStep(2, 1), matrix, {}}}, addExtra);
    inputs.append({gate(gates, 0), Input{candidate, all, {}}});
  }
  return update(direction, place, inputs, before);
}

/// All steps of one direction.
Recurrence::State Recurrence::run(unsigned direction, Value y) {
  OpBuilder &b = context.b;
  Value projected = project(direction);
  SmallVector<Value> start = {initial(operand("initial_h"), direction, element)};
  bool hasCell = cells[direction].kind == Cell::LSTM;
  if (hasCell)
    start.push_back(initial(operand("initial_c"), direction, wide));
  if (y)
    start.push_back(y);
  auto asState = [&](ValueRange values) {
    return State{values[0], hasCell ? values[1] : Value(), y ? values.back() : Value()};
  };
  Value zero = arith::ConstantIndexOp::create(b, loc, 0),
        one = arith::ConstantIndexOp::create(b, loc, 1), end = context.dims.value(steps);
  auto loop = scf::ForOp::create(b, loc, zero, end, one, start);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value place = loop.getInductionVar();
  if (isReverse(direction)) {
    Value last = arith::SubIOp::create(b, loc, end, one);
    place = arith::SubIOp::create(b, loc, last, place);
  }
  State after = step(direction, place, projected, asState(loop.getRegionIterArgs()));
  SmallVector<Value> yielded = {after.h};
  if (hasCell)
    yielded.push_back(after.c);
  if (y)
    yielded.push_back(after.y);
  scf::YieldOp::create(b, loc, yielded);
  return asState(loop.getResults());
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

/// The last states of all directions, batch × hidden each, as one tensor.
Value Recurrence::stack(ArrayRef<Value> states) {
  SmallVector<Dim> from = {batch, hidden}, one = {Dim(1), batch, hidden};
  if (batchFirst)
    std::swap(one[0], one[1]);
  unsigned axis = batchFirst ? 1 : 0;
  SmallVector<Dim> whole = one, start(3, Dim(0));
  whole[axis] = Dim(int64_t(states.size()));
  Value result = context.empty(loc, whole, element);
  for (auto [d, last] : llvm::enumerate(states)) {
    Value state = last;
    start[axis] = Dim(int64_t(d));
    AffineMap read = batchFirst ? map(3, {0, 2}) : map(3, {1, 2});
    if (getElementTypeOrSelf(state.getType()) != element)
      state = context.map(loc, from, element, {{state, map(2, {0, 1}), {}}},
                          [](Code &, ValueRange x) { return x[0]; });
    if (states.size() == 1)
      return context.reshape(loc, state, from, whole);
    result = insert(context, loc, {state, read, {}}, result, start, one);
  }
  return result;
}

LogicalResult Recurrence::lower() {
  if (failed(readShapes()))
    return failure();
  Value wantedY = op.out("Y"), wantedH = op.out("Y_h"),
        wantedC = cells[0].kind == Cell::LSTM ? op.out("Y_c") : Value();
  Dim directions(int64_t(cells.size()));
  SmallVector<Dim> shape = {steps, directions, batch, hidden};
  if (batchFirst)
    shape = {batch, steps, directions, hidden};
  Value y = isWanted(wantedY) ? context.empty(loc, shape, element) : Value();
  SmallVector<Value> h, c;
  for (unsigned direction = 0; direction < cells.size(); ++direction) {
    State last = run(direction, y);
    h.push_back(last.h);
    c.push_back(last.c);
    y = last.y;
  }
  SmallVector<Dim> states = {directions, batch, hidden};
  if (batchFirst)
    std::swap(states[0], states[1]);
  if (y)
    context.define(wantedY, y, shape);
  if (isWanted(wantedH))
    context.define(wantedH, stack(h), states);
  if (isWanted(wantedC))
    context.define(wantedC, stack(c), states);
  return success();
}

Reason supports(Operation *op) {
  Type element = getElementTypeOrSelf(op->getOperand(0).getType());
  if (!isa<Float32Type, Float64Type, Float16Type, BFloat16Type>(element))
    return "it computes with elements that are no floats of 16, 32 or 64 bits";
  SmallVector<Cell> cells;
  return Cell::read(AnyOp(op), cells);
}

} // namespace

void addRecurrent(LoweringTable &table) {
  for (const char *name : {"onnx.RNN", "onnx.GRU", "onnx.LSTM"})
    table[name] = {supports, [](Operation *op, Context &context) {
                     return Recurrence(AnyOp(op), context).lower();
                   }};
}

} // namespace strut::kernelize
