//===- Types.cpp - ONNX types as MLIR types and back -----------------------===//

#include "dialects/Onnx/Bridge.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/CheckedArithmetic.h"

using namespace mlir;
using onnx::TensorProto;
using onnx::TypeProto;

namespace strut::onnx_ir {

namespace {
template <typename T> Type simple(MLIRContext *context) { return T::get(context); }
template <typename T> Type complex(MLIRContext *context) {
  return ComplexType::get(T::get(context));
}
template <unsigned width> Type signless(MLIRContext *context) {
  return IntegerType::get(context, width);
}
template <unsigned width> Type unsignedOf(MLIRContext *context) {
  return IntegerType::get(context, width, IntegerType::Unsigned);
}

struct ElementType {
  int dataType;
  Type (*type)(MLIRContext *);
};

/// Read both ways.
constexpr ElementType kElementTypes[] = {
    {TensorProto::FLOAT, simple<Float32Type>},
    {TensorProto::DOUBLE, simple<Float64Type>},
    {TensorProto::FLOAT16, simple<Float16Type>},
    {TensorProto::BFLOAT16, simple<BFloat16Type>},
    {TensorProto::FLOAT8E4M3FN, simple<Float8E4M3FNType>},
    {TensorProto::FLOAT8E4M3FNUZ, simple<Float8E4M3FNUZType>},
    {TensorProto::FLOAT8E5M2, simple<Float8E5M2Type>},
    {TensorProto::FLOAT8E5M2FNUZ, simple<Float8E5M2FNUZType>},
    {TensorProto::FLOAT8E8M0, simple<Float8E8M0FNUType>},
    {TensorProto::FLOAT6E2M3, simple<Float6E2M3FNType>},
    {TensorProto::FLOAT6E3M2, simple<Float6E3M2FNType>},
    {TensorProto::FLOAT4E2M1, simple<Float4E2M1FNType>},
    {TensorProto::BOOL, signless<1>},
    {TensorProto::INT2, signless<2>},
    {TensorProto::INT4, signless<4>},
    {TensorProto::INT8, signless<8>},
    {TensorProto::INT16, signless<16>},
    {TensorProto::INT32, signless<32>},
    {TensorProto::INT64, signless<64>},
    {TensorProto::UINT2, unsignedOf<2>},
    {TensorProto::UINT4, unsignedOf<4>},
    {TensorProto::UINT8, unsignedOf<8>},
    {TensorProto::UINT16, unsignedOf<16>},
    {TensorProto::UINT32, unsignedOf<32>},
    {TensorProto::UINT64, unsignedOf<64>},
    {TensorProto::COMPLEX64, complex<Float32Type>},
    {TensorProto::COMPLEX128, complex<Float64Type>},
    {TensorProto::STRING, simple<StringType>},
};
} // namespace

Type elementToMLIR(int dataType, MLIRContext *context) {
  const auto *row = llvm::find_if(kElementTypes,
                                  [&](const ElementType &row) { return row.dataType == dataType; });
  return row == std::end(kElementTypes) ? Type() : row->type(context);
}

static int elementToONNX(Type type) {
  const auto *row = llvm::find_if(
      kElementTypes, [&](const ElementType &row) { return row.type(type.getContext()) == type; });
  return row == std::end(kElementTypes) ? int(TensorProto::UNDEFINED) : row->dataType;
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
