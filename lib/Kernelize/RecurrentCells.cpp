//===- RecurrentCells.cpp - The cells of RNN, GRU and LSTM ----------------===//
#include "RecurrentCells.h"
#include "Activations.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

/// One activation function: how many of alpha and beta it takes, and what stands for
/// those that are not given.
struct Function {
  const char *name;
  unsigned parameters;
  double alpha, beta;
  Value (*apply)(Code &c, Value x, const Activation &how);
};

const Function functions[] = {
    {"relu", 0, 0, 0,
     [](Code &c, Value x, const Activation &) { return c.max(x, c.constant(0, x)); }},
    {"tanh", 0, 0, 0,
     [](Code &c, Value x, const Activation &) -> Value { return c.make<math::TanhOp>(x); }},
    {"sigmoid", 0, 0, 0, [](Code &c, Value x, const Activation &) { return sigmoid(c, x); }},
    {"softsign", 0, 0, 0, [](Code &c, Value x, const Activation &) { return softsign(c, x); }},
    {"softplus", 0, 0, 0, [](Code &c, Value x, const Activation &) { return softplus(c, x); }},
    {"leakyrelu", 1, 0.01, 0,
     [](Code &c, Value x, const Activation &how) { return leakyRelu(c, x, how.alpha); }},
    {"thresholdedrelu", 1, 1, 0,
     [](Code &c, Value x, const Activation &how) { return thresholdedRelu(c, x, how.alpha); }},
    {"elu", 1, 1, 0, [](Code &c, Value x, const Activation &how) { return elu(c, x, how.alpha); }},
    {"affine", 2, 1, 0,
     [](Code &c, Value x, const Activation &how) {
       return c.add(c.mul(x, c.constant(how.alpha, x)), c.constant(how.beta, x));
     }},
    {"scaledtanh", 2, 1, 1,
     [](Code &c, Value x, const Activation &how) {
       Value inner = c.make<math::TanhOp>(c.mul(x, c.constant(how.beta, x)));
       return c.mul(inner, c.constant(how.alpha, x));
     }},
    {"hardsigmoid", 2, 0.2, 0.5,
     [](Code &c, Value x, const Activation &how) {
       return hardSigmoid(c, x, how.alpha, how.beta);
     }},
};

const Function *findFunction(StringRef name) {
  const Function *found =
      llvm::find_if(functions, [&](const Function &f) { return f.name == name; });
  return found == std::end(functions) ? nullptr : found;
}

/// The next number of a list of which each function takes as many as it has use for.
double take(ArrayRef<float> &numbers, double otherwise) {
  if (numbers.empty())
    return otherwise;
  double number = numbers.front();
  numbers = numbers.drop_front();
  return number;
}

ArrayRef<float> floats(AnyOp op, StringRef name) {
  auto attr = op.attr<DenseF32ArrayAttr>(name);
  return attr ? attr.asArrayRef() : ArrayRef<float>();
}

} // namespace

Cell::Kind Cell::kindOf(AnyOp op) {
  return llvm::StringSwitch<Kind>(op.opType()).Case("LSTM", LSTM).Case("GRU", GRU).Default(RNN);
}

Reason Cell::read(AnyOp op, SmallVectorImpl<Cell> &directions) {
  auto direction = op.attr<StringAttr>("direction");
  StringRef way = direction ? direction.getValue() : "forward";
  if (way != "forward" && way != "reverse" && way != "bidirectional")
    return "its direction '" + way.str() + "' is not one of the standard";
  Cell cell;
  cell.kind = kindOf(op);
  cell.inputForget = cell.kind == LSTM && intAttr(op, "input_forget");
  cell.linearBeforeReset = cell.kind == GRU && intAttr(op, "linear_before_reset");
  if (auto clip = op.attr<FloatAttr>("clip"))
    cell.clip = clip.getValueAsDouble();

  SmallVector<std::string> usual = {cell.kind == RNN ? "tanh" : "sigmoid", "tanh", "tanh"}, names;
  usual.resize(cell.kind == LSTM ? 3 : cell.kind == GRU ? 2 : 1);
  unsigned count = way == "bidirectional" ? 2 : 1;
  auto given = op.attr<ArrayAttr>("activations");
  if (given && !given.empty()) {
    for (Attribute name : given)
      names.push_back(llvm::StringRef(cast<StringAttr>(name).getValue()).lower());
  } else {
    for (unsigned i = 0; i < count; ++i)
      llvm::append_range(names, usual);
  }
  // The schema's default for RNN is that of two directions.
  if (cell.kind == RNN && count == 1 && names == ArrayRef<std::string>({"tanh", "tanh"}))
    names.pop_back();
  if (names.size() != usual.size() * count)
    return "it has " + std::to_string(names.size()) + " activations instead of " +
           std::to_string(usual.size() * count);
  ArrayRef<float> alphas = floats(op, "activation_alpha"), betas = floats(op, "activation_beta");
  for (auto [i, name] : llvm::enumerate(names)) {
    const Function *function = findFunction(name);
    if (!function)
      return "its activation '" + name + "' is not one of the standard";
    Activation activation{name, function->alpha, function->beta};
    if (function->parameters > 0)
      activation.alpha = take(alphas, activation.alpha);
    if (function->parameters > 1)
      activation.beta = take(betas, activation.beta);
    if (i % usual.size() == 0)
      directions.push_back(cell);
    directions.back().activations.push_back(activation);
  }
  return std::nullopt;
}

Value Cell::activate(Code &c, Value sum, unsigned which) const {
  if (clip && !isOfState(which))
    sum = c.max(c.min(sum, c.constant(*clip, sum)), c.constant(-*clip, sum));
  const Activation &how = activations[which];
  return findFunction(how.name)->apply(c, sum, how);
}

std::pair<Value, Value> Cell::lstm(Code &c, ValueRange z, Value state, ValueRange peepholes) const {
  enum Gate { I, O, F, C };
  auto look = [&](Gate gate, Value at) -> Value {
    return peepholes.empty() ? z[gate] : c.add(z[gate], c.mul(peepholes[gate], at));
  };
  Value input = activate(c, look(I, state), 0);
  Value forget = inputForget ? c.sub(c.constant(1, input), input) : activate(c, look(F, state), 0);
  Value candidate = activate(c, z[C], 1);
  Value next = c.add(c.mul(forget, state), c.mul(input, candidate));
  Value output = activate(c, look(O, next), 0);
  return {c.mul(output, activate(c, next, 2)), next};
}

Value Cell::gru(Code &c, Value update, Value hidden, Value state) const {
  Value candidate = activate(c, hidden, 1);
  Value keep = c.sub(c.constant(1, update), update);
  return c.add(c.mul(keep, candidate), c.mul(update, state));
}

SmallVector<Value> Cell::next(Code &c, ValueRange sums, ValueRange state, ValueRange memory,
                              ValueRange peepholes) const {
  if (kind == LSTM) {
    auto [next, kept] = lstm(c, sums, memory[0], peepholes);
    return {next, kept};
  }
  if (kind == RNN)
    return {activate(c, sums[0], 0)};
  if (!linearBeforeReset)
    return {gru(c, sums[0], sums[1], state[0])};
  Value update = activate(c, c.add(sums[0], sums[3]), 0);
  Value reset = activate(c, c.add(sums[1], sums[4]), 0);
  return {gru(c, update, c.add(sums[5], c.mul(reset, sums[2])), state[0])};
}

} // namespace strut::kernelize
