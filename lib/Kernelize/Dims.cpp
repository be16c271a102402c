//===- Dims.cpp - Symbolic dimensions -------------------------------------===//
#include "Dims.h"
#include "dialects/Kernel/Kernel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "strut/Kernelize/Passes.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace strut::kernelize {

/// Sizes wrap, as index arithmetic at run time does; absurd ones are refused
/// where memory is planned.
static int64_t wrap(uint64_t value) { return int64_t(value); }

bool Dim::isNonNegative() const {
  return llvm::all_of(terms, [](const auto &term) { return term.second >= 0; });
}

Dim operator+(const Dim &a, const Dim &b) {
  Dim sum = a;
  for (const auto &[monomial, coefficient] : b.terms) {
    int64_t &c = sum.terms[monomial];
    c = wrap(uint64_t(c) + uint64_t(coefficient));
    if (c == 0)
      sum.terms.erase(monomial);
  }
  return sum;
}

Dim operator*(const Dim &a, const Dim &b) {
  Dim result;
  for (const auto &[left, c] : a.terms)
    for (const auto &[right, d] : b.terms) {
      Dim term;
      Dim::Monomial monomial(left);
      monomial.insert(monomial.end(), right.begin(), right.end());
      llvm::sort(monomial);
      if (int64_t coefficient = wrap(uint64_t(c) * uint64_t(d)))
        term.terms[monomial] = coefficient;
      result = result + term;
    }
  return result;
}

/// By degree, then by the numbers of the values: products keep this order.
static bool isBelow(const std::vector<unsigned> &a, const std::vector<unsigned> &b) {
  return std::pair(a.size(), a) < std::pair(b.size(), b);
}

const std::pair<const Dim::Monomial, int64_t> &Dim::leading() const {
  return *llvm::max_element(terms,
                            [](const auto &a, const auto &b) { return isBelow(a.first, b.first); });
}

std::optional<Dim> Dim::dividedBy(const Dim &divisor) const {
  if (divisor.terms.empty() || divisor.is(-1))
    return std::nullopt;
  // Long division: each round takes the leading term of what is left.
  const auto &[by, d] = divisor.leading();
  Dim rest = *this, result;
  while (!rest.terms.empty()) {
    const auto &[monomial, c] = rest.leading();
    Dim quotient;
    Monomial factors;
    if (c % d != 0 || !std::includes(monomial.begin(), monomial.end(), by.begin(), by.end()))
      return std::nullopt;
    std::set_difference(monomial.begin(), monomial.end(), by.begin(), by.end(),
                        std::back_inserter(factors));
    quotient.terms[factors] = c / d;
    result = result + quotient;
    rest = rest - quotient * divisor;
  }
  return result;
}

Dim product(ArrayRef<Dim> dims) {
  Dim result(1);
  for (const Dim &dim : dims)
    result = result * dim;
  return result;
}

//===----------------------------------------------------------------------===//
// DimEnv
//===----------------------------------------------------------------------===//

Dim DimEnv::atom(Value value) {
  auto [it, isNew] = numbers.try_emplace(value, atoms.size());
  if (isNew)
    atoms.push_back(value);
  Dim dim;
  dim.terms[{it->second}] = 1;
  if (isNew)
    emitted[dim] = value;
  return dim;
}

Dim DimEnv::of(OpFoldResult folded) {
  if (std::optional<int64_t> constant = getConstantIntValue(folded))
    return Dim(*constant);
  Value value = cast<Value>(folded);
  Operation *op = value.getDefiningOp();
  if (numbers.count(value) || !op)
    return atom(value);
  return TypeSwitch<Operation *, Dim>(op)
      .Case([&](arith::AddIOp add) { return of(add.getLhs()) + of(add.getRhs()); })
      .Case([&](arith::SubIOp sub) { return of(sub.getLhs()) - of(sub.getRhs()); })
      .Case([&](arith::MulIOp mul) { return of(mul.getLhs()) * of(mul.getRhs()); })
      .Default([&](Operation *) { return atom(value); });
}

/// The value of the same shape that `tensor` has by what defines it: a loop's carried value, what
/// a branch yields, the destination of an operation. Null if there is none.
static Value ofSameShape(Value tensor) {
  if (auto argument = dyn_cast<BlockArgument>(tensor)) {
    Operation *parent = argument.getOwner()->getParentOp();
    if (auto loop = dyn_cast<scf::WhileOp>(parent))
      return loop.getInits()[argument.getArgNumber()];
    auto loop = dyn_cast<LoopLikeOpInterface>(parent);
    OpOperand *init = loop ? loop.getTiedLoopInit(argument) : nullptr;
    return init ? init->get() : Value();
  }
  auto result = cast<OpResult>(tensor);
  unsigned number = result.getResultNumber();
  return TypeSwitch<Operation *, Value>(result.getOwner())
      .Case([](tensor::InsertSliceOp insert) { return insert.getDest(); })
      .Case([&](scf::IndexSwitchOp branch) { // all forms have the same
        return branch.getDefaultBlock().getTerminator()->getOperand(number);
      })
      .Case([&](scf::IfOp branch) { return branch.thenYield().getOperand(number); })
      // As many are passed on as are carried.
      .Case([&](scf::WhileOp loop) { return loop.getInits()[number]; })
      .Case([&](LoopLikeOpInterface loop) {
        OpOperand *init = loop.getTiedLoopInit(result);
        return init ? init->get() : Value();
      })
      .Case([&](DestinationStyleOpInterface op) { return op.getTiedOpOperand(result)->get(); })
      .Default([](Operation *) { return Value(); });
}

std::optional<SmallVector<Dim>> DimEnv::ofArgument(BlockArgument argument) {
  auto type = cast<RankedTensorType>(argument.getType());
  auto function = dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp());
  auto symbols = function ? function->getAttrOfType<ArrayAttr>(kSymbolsAttr) : ArrayAttr();
  auto names = symbols ? function.getArgAttrOfType<ArrayAttr>(argument.getArgNumber(), kDimsAttr)
                       : ArrayAttr();
  if (!names || names.size() != size_t(type.getRank()))
    return std::nullopt;
  SmallVector<Dim> dims(type.getShape().begin(), type.getShape().end());
  unsigned first = function.getNumArguments() - symbols.size();
  for (auto [dim, name] : llvm::zip(dims, names)) {
    const Attribute *found = llvm::find(symbols, name);
    if (found != symbols.end())
      dim = atom(function.getArgument(first + (found - symbols.begin())));
  }
  return dims;
}

std::optional<SmallVector<Dim>> DimEnv::ofTensor(Value tensor) {
  auto type = dyn_cast<RankedTensorType>(tensor.getType());
  if (!type)
    return std::nullopt;
  if (type.hasStaticShape())
    return SmallVector<Dim>(type.getShape().begin(), type.getShape().end());
  if (Value same = ofSameShape(tensor))
    return ofTensor(same);
  if (auto argument = dyn_cast<BlockArgument>(tensor))
    return ofArgument(argument);
  // What the type leaves open stays so, even where the value has turned out constant.
  auto all = [&](ArrayRef<OpFoldResult> sizes) {
    return SmallVector<Dim>(llvm::map_range(sizes, [&](OpFoldResult size) {
      auto value = dyn_cast<Value>(size);
      return value && getConstantIntValue(size) ? atom(value) : of(size);
    }));
  };
  Operation *op = tensor.getDefiningOp();
  if (auto empty = dyn_cast<tensor::EmptyOp>(op))
    return all(empty.getMixedSizes());
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op))
    return all(expand.getMixedOutputShape());
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op)) {
    SmallVector<Dim> sizes = all(slice.getMixedSizes()), kept;
    llvm::SmallBitVector dropped = slice.getDroppedDims();
    for (auto [i, size] : llvm::enumerate(sizes))
      if (!dropped.test(i))
        kept.push_back(size);
    return kept;
  }
  auto collapse = dyn_cast<tensor::CollapseShapeOp>(op);
  std::optional<SmallVector<Dim>> source = collapse ? ofTensor(collapse.getSrc()) : std::nullopt;
  if (!source)
    return std::nullopt;
  SmallVector<Dim> dims;
  for (const ReassociationIndices &group : collapse.getReassociationIndices()) {
    dims.push_back(1);
    for (int64_t axis : group)
      dims.back() = dims.back() * (*source)[axis];
  }
  return dims;
}

Value DimEnv::value(const Dim &dim) {
  if (auto it = emitted.find(dim); it != emitted.end())
    return it->second;
  Location loc = builder.getUnknownLoc();
  auto constant = [&](int64_t c) -> Value {
    return arith::ConstantIndexOp::create(builder, loc, c);
  };
  Value sum;
  // Highest terms first, so that a constant comes last.
  for (const auto &[monomial, coefficient] : llvm::reverse(dim.terms)) {
    Value term;
    for (unsigned number : monomial)
      term = term ? Value(arith::MulIOp::create(builder, loc, term, atoms[number])) : atoms[number];
    if (!term)
      term = constant(coefficient);
    else if (coefficient != 1)
      term = arith::MulIOp::create(builder, loc, term, constant(coefficient));
    sum = sum ? Value(arith::AddIOp::create(builder, loc, sum, term)) : term;
  }
  if (!sum)
    sum = constant(0);
  return emitted[dim] = sum;
}

OpFoldResult DimEnv::operand(const Dim &dim) {
  if (dim.isConstant())
    return builder.getIndexAttr(dim.constant());
  return value(dim);
}

SmallVector<OpFoldResult> DimEnv::operands(ArrayRef<Dim> dims) {
  return llvm::map_to_vector(dims, [&](const Dim &dim) { return operand(dim); });
}

Dim DimEnv::opaque(char kind, const Dim &a, const Dim &b, function_ref<Value(Value, Value)> make) {
  auto [it, isNew] = opaques.try_emplace({kind, a, b});
  if (isNew) {
    it->second = atom(make(value(a), value(b)));
    meanings[it->second.leading().first.front()] = {kind, a, b};
  }
  return it->second;
}

template <typename OpT> Dim DimEnv::opaque(char kind, const Dim &a, const Dim &b) {
  return opaque(kind, a, b, [&](Value x, Value y) -> Value {
    return OpT::create(builder, builder.getUnknownLoc(), x, y);
  });
}

Dim DimEnv::floorDiv(const Dim &a, const Dim &b) {
  if (a.isConstant() && b.isConstant() && b.constant() > 0)
    return llvm::divideFloorSigned(a.constant(), b.constant());
  if (std::optional<Dim> exact = a.dividedBy(b))
    return *exact;
  if (!b.isConstant() || b.constant() <= 0)
    return opaque<arith::FloorDivSIOp>('/', a, b);
  // (b q + r) / b = q + r / b, and (x / c) / b = x / (b c).
  Dim whole, rest;
  for (const auto &[monomial, c] : a.terms)
    (c % b.constant() == 0 ? whole.terms[monomial] = c / b.constant() : rest.terms[monomial] = c);
  if (rest.terms.size() == 1 && rest.terms.begin()->second == 1 &&
      rest.terms.begin()->first.size() == 1) {
    auto meaning = meanings.find(rest.terms.begin()->first.front());
    if (meaning != meanings.end() && std::get<char>(meaning->second) == '/') {
      const auto &[kind, dividend, divisor] = meaning->second;
      if (divisor.isConstant() && divisor.constant() > 0 && divisor.constant() < (1 << 20) &&
          b.constant() < (1 << 20))
        return whole + floorDiv(Dim(dividend), divisor * b);
    }
  }
  return whole + opaque<arith::FloorDivSIOp>('/', rest, b);
}

std::optional<Dim> DimEnv::substitute(const Dim &dim, const Dim &symbol, const Dim &by) const {
  Dim result;
  for (const auto &[monomial, coefficient] : dim.terms) {
    Dim term(coefficient);
    for (unsigned number : monomial) {
      Dim factor;
      factor.terms[{number}] = 1;
      if (factor == symbol) {
        factor = by;
      } else if (auto meaning = meanings.find(number); meaning != meanings.end()) {
        const auto &[kind, a, b] = meaning->second;
        std::optional<Dim> left = substitute(a, symbol, by), right = substitute(b, symbol, by);
        if (!left || !right)
          return std::nullopt;
        if (*left != a || *right != b) {
          std::optional<Dim> quotient =
              kind == '/' || kind == '^' ? left->dividedBy(*right) : std::nullopt;
          if (!quotient)
            return std::nullopt;
          factor = *quotient;
        }
      }
      term = term * factor;
    }
    result = result + term;
  }
  return result;
}

Dim DimEnv::ceilDiv(const Dim &a, const Dim &b) {
  if (a.isConstant() && b.isConstant() && b.constant() > 0)
    return llvm::divideCeilSigned(a.constant(), b.constant());
  if (std::optional<Dim> exact = a.dividedBy(b))
    return *exact;
  return opaque<arith::CeilDivSIOp>('^', a, b);
}

Dim DimEnv::min(const Dim &a, const Dim &b) {
  if (isNonNegative(b - a))
    return a;
  if (isNonNegative(a - b))
    return b;
  Dim result = opaque<arith::MinSIOp>('<', a, b);
  if (b.isConstant())
    bounded[result] = {a, b.constant()};
  else if (a.isConstant())
    bounded[result] = {b, a.constant()};
  return result;
}

Dim DimEnv::max(const Dim &a, const Dim &b) {
  if (isNonNegative(b - a))
    return b;
  if (isNonNegative(a - b))
    return a;
  return opaque<arith::MaxSIOp>('>', a, b);
}

Dim DimEnv::expanded(const Dim &own, const Dim &wanted) {
  // Of two that fit, a constant other than 1 is the extent in any case.
  if (own == wanted || own.is(1) || (wanted.isConstant() && !wanted.is(1)))
    return wanted;
  if (own.isConstant() || wanted.is(1))
    return own;
  return opaque('e', own, wanted, [&](Value own, Value wanted) -> Value {
    Location loc = builder.getUnknownLoc();
    Value one = arith::ConstantIndexOp::create(builder, loc, 1);
    Value keeps = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, wanted, one);
    return arith::SelectOp::create(builder, loc, keeps, own, wanted);
  });
}

bool DimEnv::isExpandedTo(const Dim &dim, const Dim &wanted) const {
  return llvm::any_of(opaques, [&](const auto &entry) {
    const auto &[kind, own, target] = entry.first;
    return kind == 'e' && target == wanted && entry.second == dim;
  });
}

std::optional<std::pair<Dim, int64_t>> DimEnv::asBounded(const Dim &dim) const {
  auto it = bounded.find(dim);
  return it == bounded.end() ? std::nullopt : std::optional(it->second);
}

Value DimEnv::asValue(const Dim &dim) const {
  if (dim.terms.size() != 1)
    return {};
  const auto &[monomial, coefficient] = *dim.terms.begin();
  return coefficient == 1 && monomial.size() == 1 ? atoms[monomial.front()] : Value();
}

RankedTensorType DimEnv::type(ArrayRef<Dim> dims, Type element) {
  SmallVector<int64_t> shape;
  for (const Dim &dim : dims)
    shape.push_back(dim.isConstant() ? dim.constant() : ShapedType::kDynamic);
  return RankedTensorType::get(shape, element);
}

} // namespace strut::kernelize
