//===- Header.cpp - The typed C header of a model ---------------*- C++ -*-===//
#include "strut/Package/Header.h"
#include "Embedded.h"
#include "strut/Runtime/dtype.h"
#include "llvm/ADT/StringExtras.h"

using namespace llvm;

namespace strut::package {
namespace {

/// How C spells an element type, and how people name it.
struct ElementType {
  std::string c, name;
};

ElementType elementType(DLDataType type) {
  std::string bits = std::to_string(type.bits);
  bool whole = type.bits == 8 || type.bits == 16 || type.bits == 32 || type.bits == 64;
  std::string raw = type.bits == 16 ? "uint16_t" : type.bits <= 8 ? "uint8_t" : "void";
  if (type.lanes != 1)
    return {"void", "vector"};
  switch (type.code) {
  case kDLInt:
    return {whole ? "int" + bits + "_t" : raw, "int" + bits};
  case kDLUInt:
    return {whole ? "uint" + bits + "_t" : raw, "uint" + bits};
  case kDLFloat:
    return {type.bits == 32 ? "float" : type.bits == 64 ? "double" : raw, "float" + bits};
  case kDLBfloat:
    return {raw, "bfloat" + bits};
  case kDLBool:
    return {"uint8_t", "bool"};
  case kDLComplex:
    return {"void", "complex" + bits};
  default:
    const char *narrow = strut_narrow_float_name(type.code);
    return {raw, narrow ? narrow : "float" + bits};
  }
}

/// Text for the inside of a comment: no end of comment, line break, line splice
/// or trigraph.
std::string commentText(StringRef text) {
  std::string result;
  for (char c : text) {
    bool ends = (c == '/' && !result.empty() && result.back() == '*') ||
                (c == '*' && !result.empty() && result.back() == '/') || c == '\\' || c == '?';
    result += ends || (isASCII(c) && !isPrint(c)) ? '_' : c;
  }
  return result;
}

class HeaderWriter {
public:
  HeaderWriter(raw_ostream &out, const ModelInfo &model, const TargetSpec &target)
      : out(out), model(model), target(target), prefix(model.symbol),
        upper(StringRef(model.symbol).upper()) {
    std::vector<std::string> names;
    for (const TensorInfo &tensor : model.inputs)
      names.push_back(tensor.name);
    for (const TensorInfo &tensor : model.outputs)
      names.push_back(tensor.name);
    names = identifiers(names, {"context", "session", "options", "data", "shape", "status"});
    inputs.assign(names.begin(), names.begin() + model.inputs.size());
    outputs.assign(names.begin() + model.inputs.size(), names.end());
    dims = identifiers(model.dims, {"context"});
  }

  void write(const HeaderOptions &options);

private:
  std::string shapeText(const TensorInfo &tensor) const;
  std::string tensorText(const TensorInfo &tensor) const;
  void writeIntroduction();
  void writeAbi(bool selfContained);
  void writeTable();
  void writeIndices();
  void writeLife();
  void writeBind();
  void writeTensor(const TensorInfo &tensor, StringRef name);
  void writeRun();

  raw_ostream &out;
  const ModelInfo &model;
  const TargetSpec &target;
  std::string prefix, upper;
  std::vector<std::string> inputs, outputs, dims;
};

std::string HeaderWriter::shapeText(const TensorInfo &tensor) const {
  return "[" +
         join(map_range(tensor.shape,
                        [&](const Axis &axis) {
                          return axis.symbol >= 0 ? commentText(model.dims[axis.symbol])
                                 : axis.size >= 0 ? std::to_string(axis.size)
                                                  : std::string("(computed)");
                        }),
              ", ") +
         "]";
}

std::string HeaderWriter::tensorText(const TensorInfo &tensor) const {
  std::string text = "\"" + commentText(tensor.name) + "\": " + elementType(tensor.type).name +
                     " " + shapeText(tensor);
  if (tensor.alias >= 0)
    text += ", may be the memory of input \"" + commentText(model.inputs[tensor.alias].name) + "\"";
  return text;
}

void HeaderWriter::writeIntroduction() {
  out << "/* The model \"" << commentText(model.graph) << "\", compiled by strut "
      << embedded::version << " for " << target.triple.str() << " (" << target.cpu << ").\n *\n";
  for (auto [tensor, name] : zip(model.inputs, inputs))
    out << " * input  " << name << " = " << tensorText(tensor) << "\n";
  for (auto [tensor, name] : zip(model.outputs, outputs))
    out << " * output " << name << " = " << tensorText(tensor) << "\n";
  out << " *\n"
      << " *   StrutSession *session;\n"
      << " *   StrutContext *context;\n"
      << " *   if (" << prefix << "_open(NULL, &session)) puts(" << prefix << "_error(NULL));\n"
      << " *   " << prefix << "_create_context(session, &context);\n"
      << " *   if (" << prefix << "_run(context";
  for (const std::string &name : inputs)
    out << ", &" << name;
  for (const std::string &name : outputs)
    out << ", &" << name;
  out << ")) puts(" << prefix << "_error(context));\n"
      << " *\n"
      << " * An output tensor whose data is null is pointed at memory of the context, valid\n"
      << " * until its next run. Link with the library, or define STRUT_" << upper
      << "_TABLE as an\n"
      << " * expression for a table found by dlsym(library, \"strut_model\") before this file is\n"
      << " * included.\n"
      << " */\n";
}

void HeaderWriter::writeAbi(bool selfContained) {
  if (!selfContained) {
    out << "#include \"strut/Runtime/strut.h\"\n";
    return;
  }
  StringRef abi(embedded::strutHeader);
  constexpr StringLiteral include = "#include \"strut/Runtime/dlpack.h\"\n";
  size_t at = abi.find(include);
  assert(at != StringRef::npos && "strut.h includes dlpack.h");
  out << abi.take_front(at) << embedded::dlpackHeader << abi.drop_front(at + include.size());
}

void HeaderWriter::writeTable() {
  out << "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n"
      << "#ifndef STRUT_" << upper << "_TABLE\n"
      << "extern const StrutModel strut_model_" << prefix << ";\n"
      << "#define STRUT_" << upper << "_TABLE strut_model_" << prefix << "\n"
      << "#endif\n\n";
}

void HeaderWriter::writeIndices() {
  out << "/** Positions in StrutDescription, and their number. */\nenum {\n";
  auto list = [&](StringRef kind, ArrayRef<std::string> names) {
    for (auto [index, name] : enumerate(names))
      out << "  " << prefix << "_" << kind << "_" << name << " = " << index << ",\n";
  };
  list("dim", dims);
  list("input", inputs);
  list("output", outputs);
  out << "  " << prefix << "_num_dims = " << dims.size() << ",\n"
      << "  " << prefix << "_num_inputs = " << inputs.size() << ",\n"
      << "  " << prefix << "_num_outputs = " << outputs.size() << "\n};\n\n";
}

void HeaderWriter::writeLife() {
  std::string table = "STRUT_" + upper + "_TABLE";
  out << "/** Names, types and shapes, the target, and what compilation found out. */\n"
      << "static inline const StrutDescription *" << prefix << "_describe(void) {\n"
      << "  return (" << table << ").describe();\n}\n\n"
      << "/** Maps the weights and takes the threads; `options` may be null. */\n"
      << "static inline StrutStatus " << prefix
      << "_open(const StrutOpenOptions *options, StrutSession **session) {\n"
      << "  return (" << table << ").open(options, session);\n}\n\n"
      << "static inline void " << prefix << "_close(StrutSession *session) {\n"
      << "  (" << table << ").close(session);\n}\n\n"
      << "/** One for each thread that runs the model at the same time. */\n"
      << "static inline StrutStatus " << prefix
      << "_create_context(StrutSession *session, StrutContext **context) {\n"
      << "  return (" << table << ").create_context(session, context);\n}\n\n"
      << "static inline void " << prefix << "_destroy_context(StrutContext *context) {\n"
      << "  (" << table << ").destroy_context(context);\n}\n\n"
      << "/** Why the last call failed: of `context`, or of open where it is null. */\n"
      << "static inline const char *" << prefix << "_error(const StrutContext *context) {\n"
      << "  return (" << table << ").error(context);\n}\n\n"
      << "/** Shape of an output (" << prefix << "_output_...) under the bound dimensions. */\n"
      << "static inline StrutStatus " << prefix
      << "_output_shape(const StrutContext *context, int32_t index, int64_t *shape) {\n"
      << "  return (" << table << ").output_shape(context, index, shape);\n}\n\n";
}

void HeaderWriter::writeBind() {
  out << "/** Makes room for these dimensions, so that the first run allocates nothing. */\n"
      << "static inline StrutStatus " << prefix << "_bind(StrutContext *context";
  for (const std::string &name : dims)
    out << ", int64_t " << name;
  out << ") {\n";
  if (dims.empty())
    out << "  return (STRUT_" << upper << "_TABLE).bind(context, NULL);\n}\n\n";
  else
    // Assigned one by one: C++11's aggregate rules and C's differ for nothing else.
    out << "  int64_t strut_dims[" << dims.size() << "];\n";
  if (dims.empty())
    return;
  for (auto [index, name] : enumerate(dims))
    out << "  strut_dims[" << index << "] = " << name << ";\n";
  out << "  return (STRUT_" << upper << "_TABLE).bind(context, strut_dims);\n}\n\n";
}

void HeaderWriter::writeTensor(const TensorInfo &tensor, StringRef name) {
  std::string shape = tensor.shape.empty() ? "" : ", int64_t *shape";
  out << "/** A tensor for " << tensorText(tensor) << ",\n * dense and row-major over `data`";
  if (!tensor.shape.empty())
    out << "; `shape` (" << tensor.shape.size() << " extents) must outlive it";
  out << ". */\n"
      << "static inline DLTensor " << prefix << "_tensor_" << name << "("
      << elementType(tensor.type).c << " *data" << shape << ") {\n"
      << "  DLTensor tensor;\n"
      << "  tensor.data = data;\n"
      << "  tensor.device.device_type = kDLCPU;\n"
      << "  tensor.device.device_id = 0;\n"
      << "  tensor.ndim = " << tensor.shape.size() << ";\n"
      << "  tensor.dtype.code = " << unsigned(tensor.type.code) << ";\n"
      << "  tensor.dtype.bits = " << unsigned(tensor.type.bits) << ";\n"
      << "  tensor.dtype.lanes = " << tensor.type.lanes << ";\n"
      << "  tensor.shape = " << (tensor.shape.empty() ? "NULL" : "shape") << ";\n"
      << "  tensor.strides = NULL;\n"
      << "  tensor.byte_offset = 0;\n"
      << "  return tensor;\n}\n\n";
}

void HeaderWriter::writeRun() {
  out << "/** Computes all outputs.\n *\n";
  for (auto [tensor, name] : zip(model.inputs, inputs))
    out << " * " << name << ": " << tensorText(tensor) << "\n";
  for (auto [tensor, name] : zip(model.outputs, outputs))
    out << " * " << name << ": " << tensorText(tensor) << " (output)\n";
  out << " */\nstatic inline StrutStatus " << prefix << "_run(StrutContext *context";
  for (const std::string &name : inputs)
    out << ", const DLTensor *" << name;
  for (const std::string &name : outputs)
    out << ", DLTensor *" << name;
  out << ") {\n";
  if (!inputs.empty())
    out << "  const DLTensor *strut_inputs[" << inputs.size() << "];\n";
  if (!outputs.empty())
    out << "  DLTensor strut_outputs[" << outputs.size() << "];\n";
  out << "  StrutStatus status;\n";
  for (auto [index, name] : enumerate(inputs))
    out << "  strut_inputs[" << index << "] = " << name << ";\n";
  for (auto [index, name] : enumerate(outputs))
    out << "  strut_outputs[" << index << "] = *" << name << ";\n";
  out << "  status = (STRUT_" << upper << "_TABLE).run(context, "
      << (inputs.empty() ? "NULL" : "strut_inputs") << ", "
      << (outputs.empty() ? "NULL" : "strut_outputs") << ");\n";
  for (auto [index, name] : enumerate(outputs))
    out << "  *" << name << " = strut_outputs[" << index << "];\n";
  out << "  return status;\n}\n\n";
}

void HeaderWriter::write(const HeaderOptions &options) {
  writeIntroduction();
  out << "#ifndef STRUT_MODEL_" << upper << "_H\n#define STRUT_MODEL_" << upper << "_H\n\n";
  writeAbi(options.selfContained);
  out << "#include <stddef.h>\n\n";
  writeTable();
  writeIndices();
  writeLife();
  writeBind();
  for (auto [tensor, name] : zip(model.inputs, inputs))
    writeTensor(tensor, name);
  for (auto [tensor, name] : zip(model.outputs, outputs))
    writeTensor(tensor, name);
  writeRun();
  out << "#ifdef __cplusplus\n} /* extern \"C\" */\n#endif\n#endif /* STRUT_MODEL_" << upper
      << "_H */\n";
}

} // namespace

void writeHeader(raw_ostream &out, const ModelInfo &model, const TargetSpec &target,
                 const HeaderOptions &options) {
  HeaderWriter(out, model, target).write(options);
}

} // namespace strut::package
