//===- Types.cpp - ONNX types as MLIR types and back -----------------------===//

#include "dialects/Onnx/Bridge.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/CheckedArithmetic.h"

using namespace mlir;
using onnx::TensorProto;
using onnx::TypeProto;

namespace strut::onnx_ir {

Type elementToMLIR(int dataType, MLIRContext *context) {
  Builder b(context);
  auto unsignedType = [&](unsigned width) {
    return IntegerType::get(context, width, IntegerType::Unsigned);
  };
  switch (dataType) {
  case TensorProto::FLOAT:
    return b.getF32Type();
  case TensorProto::DOUBLE:
    return b.getF64Type();
  case TensorProto::FLOAT16:
    return b.getF16Type();
  case TensorProto::BFLOAT16:
    return b.getBF16Type();
  case TensorProto::FLOAT8E4M3FN:
    return Float8E4M3FNType::get(context);
  case TensorProto::FLOAT8E4M3FNUZ:
    return Float8E4M3FNUZType::get(context);
  case TensorProto::FLOAT8E5M2:
    return Float8E5M2Type::get(context);
  case TensorProto::FLOAT8E5M2FNUZ:
    return Float8E5M2FNUZType::get(context);
  case TensorProto::FLOAT8E8M0:
    return Float8E8M0FNUType::get(context);
  case TensorProto::FLOAT6E2M3:
    return Float6E2M3FNType::get(context);
  case TensorProto::FLOAT6E3M2:
    return Float6E3M2FNType::get(context);
  case TensorProto::FLOAT4E2M1:
    return Float4E2M1FNType::get(context);
  case TensorProto::BOOL:
    return b.getI1Type();
  case TensorProto::INT2:
    return b.getIntegerType(2);
  case TensorProto::INT4:
    return b.getIntegerType(4);
  case TensorProto::INT8:
    return b.getI8Type();
  case TensorProto::INT16:
    return b.getI16Type();
  case TensorProto::INT32:
    return b.getI32Type();
  case TensorProto::INT64:
    return b.getI64Type();
  case TensorProto::UINT2:
    return unsignedType(2);
  case TensorProto::UINT4:
    return unsignedType(4);
  case TensorProto::UINT8:
    return unsignedType(8);
  case TensorProto::UINT16:
    return unsignedType(16);
  case TensorProto::UINT32:
    return unsignedType(32);
  case TensorProto::UINT64:
    return unsignedType(64);
  case TensorProto::COMPLEX64:
    return ComplexType::get(b.getF32Type());
  case TensorProto::COMPLEX128:
    return ComplexType::get(b.getF64Type());
  case TensorProto::STRING:
    return StringType::get(context);
  }
  return {};
}

static int elementToONNX(Type type) {
  constexpr int last = onnx::TensorProto_DataType_DataType_MAX;
  for (int dataType = 1; dataType <= last; ++dataType) // one table, read both ways
    if (elementToMLIR(dataType, type.getContext()) == type)
      return dataType;
  return TensorProto::UNDEFINED;
}

static Type tensorToMLIR(const TypeProto::Tensor &tensor, MLIRContext *context) {
  Type element = elementToMLIR(tensor.elem_type(), context);
  if (!element)
    return UnknownType::get(context);
  if (!tensor.has_shape())
    return UnrankedTensorType::get(element);
  SmallVector<int64_t> shape;
  for (const auto &dim : tensor.shape().dim())
    shape.push_back(dim.has_dim_value() && dim.dim_value() >= 0 ? dim.dim_value()
                                                                : ShapedType::kDynamic);
  return RankedTensorType::get(shape, element);
}

Type toMLIR(const TypeProto &type, MLIRContext *context) {
  switch (type.value_case()) {
  case TypeProto::kTensorType:
    return tensorToMLIR(type.tensor_type(), context);
  case TypeProto::kSequenceType:
    return SeqType::get(context, toMLIR(type.sequence_type().elem_type(), context));
  case TypeProto::kOptionalType:
    return OptType::get(context, toMLIR(type.optional_type().elem_type(), context));
  case TypeProto::kMapType:
    if (Type key = elementToMLIR(type.map_type().key_type(), context))
      return MapType::get(context, key, toMLIR(type.map_type().value_type(), context));
    return UnknownType::get(context);
  default:
    return UnknownType::get(context);
  }
}

TypeProto toONNX(Type type) {
  TypeProto proto;
  TypeSwitch<Type>(type)
      .Case([&](TensorType type) {
        auto *tensor = proto.mutable_tensor_type();
        tensor->set_elem_type(elementToONNX(type.getElementType()));
        if (!type.hasRank())
          return;
        auto *shape = tensor->mutable_shape();
        for (int64_t size : type.getShape()) {
          auto *dim = shape->add_dim();
          if (!ShapedType::isDynamic(size))
            dim->set_dim_value(size);
        }
      })
      .Case([&](SeqType type) {
        *proto.mutable_sequence_type()->mutable_elem_type() = toONNX(type.getElement());
      })
      .Case([&](OptType type) {
        *proto.mutable_optional_type()->mutable_elem_type() = toONNX(type.getElement());
      })
      .Case([&](MapType type) {
        proto.mutable_map_type()->set_key_type(elementToONNX(type.getKey()));
        *proto.mutable_map_type()->mutable_value_type() = toONNX(type.getValue());
      });
  return proto;
}

unsigned storedBits(Type element) {
  if (auto complex = dyn_cast<ComplexType>(element))
    return 2 * storedBits(complex.getElementType());
  if (element.isInteger(1))
    return 8; // a truth value takes a byte in ONNX
  return element.isIntOrFloat() ? element.getIntOrFloatBitWidth() : 0;
}

std::optional<uint64_t> storedBytes(ArrayRef<int64_t> shape, Type element) {
  // Bits are counted in 64 bits, so sizes stay far below any overflow later on.
  std::optional<uint64_t> bits = storedBits(element);
  bool empty = llvm::is_contained(shape, 0);
  for (int64_t size : shape) {
    if (size < 0)
      return std::nullopt;
    bits = empty ? uint64_t(0) : llvm::checkedMulUnsigned<uint64_t>(*bits, size);
    if (!bits || *bits > uint64_t(INT64_MAX))
      return std::nullopt;
  }
  return llvm::divideCeil(*bits, 8);
}

static Type meetTensors(TensorType a, TensorType b) {
  if (a.getElementType() != b.getElementType())
    return {};
  if (!a.hasRank() || !b.hasRank())
    return a.hasRank() ? a : b;
  if (a.getRank() != b.getRank())
    return {};
  SmallVector<int64_t> shape(a.getShape());
  for (auto [size, other] : llvm::zip(shape, b.getShape())) {
    if (ShapedType::isDynamic(size))
      size = other;
    else if (!ShapedType::isDynamic(other) && other != size)
      return {};
  }
  return a.clone(shape);
}

Type meet(Type a, Type b) {
  if (a == b || isa<UnknownType>(b))
    return a;
  if (isa<UnknownType>(a))
    return b;
  if (auto left = dyn_cast<TensorType>(a), right = dyn_cast<TensorType>(b); left && right)
    return meetTensors(left, right);
  auto inside = [&](auto left, auto right) -> Type {
    using Container = decltype(left);
    Type element = left && right ? meet(left.getElement(), right.getElement()) : Type();
    return element ? Container::get(a.getContext(), element) : Type();
  };
  if (isa<SeqType>(a))
    return inside(dyn_cast<SeqType>(a), dyn_cast<SeqType>(b));
  if (isa<OptType>(a))
    return inside(dyn_cast<OptType>(a), dyn_cast<OptType>(b));
  auto left = dyn_cast<MapType>(a), right = dyn_cast<MapType>(b);
  if (!left || !right || left.getKey() != right.getKey())
    return {};
  Type value = meet(left.getValue(), right.getValue());
  return value ? MapType::get(a.getContext(), left.getKey(), value) : Type();
}

} // namespace strut::onnx_ir
