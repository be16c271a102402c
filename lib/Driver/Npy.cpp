//===- Npy.cpp - numpy's .npy and .npz -------------------------------------===//
//
// .npy: "\x93NUMPY", a version, the length of the header, a Python dict such as
// {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), } and the data.
//
//===----------------------------------------------------------------------===//

#include "strut/Driver/Model.h"
#include "strut/Driver/Output.h"
#include "strut/Driver/Tensor.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include <cstring>
#include <zip.h>

using namespace llvm;
using namespace strut::driver;

static constexpr StringLiteral magic = "\x93NUMPY";

namespace {

struct Header {
  DLDataType dtype;
  bool swapped = false; ///< of the other byte order than this machine
  bool fortran = false; ///< column-major
  SmallVector<int64_t, 4> shape;
  size_t dataOffset = 0;
};

} // namespace

/// Sets dtype and byte order from "<f4" and its like.
static bool parseDescr(StringRef text, Header &header) {
  if (text.size() < 3)
    return false;
  char order = text[0], kind = text[1];
  unsigned bytes;
  if (text.drop_front(2).getAsInteger(10, bytes) || bytes == 0 || bytes > 16)
    return false;
  header.swapped = order == (sys::IsLittleEndianHost ? '>' : '<');
  auto is = [&](DLDataTypeCode code, std::initializer_list<unsigned> sizes) {
    header.dtype = {static_cast<uint8_t>(code), static_cast<uint8_t>(8 * bytes), 1};
    return is_contained(sizes, bytes) && StringRef("<>|=").contains(order);
  };
  // Narrow elements as numpy writes those of ml_dtypes: which they are is not said.
  if (bytes == 1 && (kind == 'V' || kind == 'f'))
    return is(kDLUInt, {1});
  switch (kind) {
  case 'b':
    return is(kDLBool, {1});
  case 'i':
    return is(kDLInt, {1, 2, 4, 8});
  case 'u':
    return is(kDLUInt, {1, 2, 4, 8});
  case 'f':
    return is(kDLFloat, {2, 4, 8});
  case 'c':
    return is(kDLComplex, {8, 16});
  case 'V':
    return is(kDLBfloat, {2});
  default:
    return false;
  }
}

/// The value of 'key' in the dict: what follows its colon.
static StringRef valueOf(StringRef dict, StringRef key) {
  for (StringRef quote : {"'", "\""}) {
    std::string quoted = (quote + key + quote).str();
    size_t at = dict.find(quoted);
    if (at == StringRef::npos)
      continue;
    StringRef rest = dict.drop_front(at + quoted.size()).ltrim();
    if (rest.consume_front(":"))
      return rest.ltrim();
  }
  return {};
}

static bool parseShape(StringRef text, SmallVectorImpl<int64_t> &shape) {
  size_t end = text.find(')');
  if (!text.consume_front("(") || end == StringRef::npos)
    return false;
  SmallVector<StringRef> parts;
  text.take_front(end - 1).split(parts, ',');
  for (StringRef part : parts) {
    part = part.trim();
    int64_t extent;
    if (part.empty())
      continue;
    if (part.getAsInteger(10, extent) || extent < 0)
      return false;
    shape.push_back(extent);
  }
  return true;
}

/// Reads the header in front of `file`; the message says what is wrong.
static Expected<Header> parseHeader(StringRef file) {
  if (!file.starts_with(magic) || file.size() < 10)
    return createStringError("it is not a .npy file");
  unsigned version = static_cast<uint8_t>(file[6]);
  if (version < 1 || version > 3)
    return createStringError("version %u of .npy is not known", version);
  size_t lengthBytes = version == 1 ? 2 : 4, begin = 8 + lengthBytes;
  if (file.size() < begin)
    return createStringError("its header is cut short");
  size_t length = version == 1 ? support::endian::read16le(file.data() + 8)
                               : support::endian::read32le(file.data() + 8);
  if (length > file.size() - begin)
    return createStringError("its header is cut short");
  StringRef dict = file.substr(begin, length);
  Header header;
  header.dataOffset = begin + length;
  StringRef descr = valueOf(dict, "descr");
  StringRef name =
      descr.empty() ? "" : descr.drop_front().take_until([&](char c) { return c == descr[0]; });
  if (!parseDescr(name, header))
    return createStringError("its element type '" + name +
                             "' is none that a model takes (numbers and bools)");
  StringRef fortran = valueOf(dict, "fortran_order");
  header.fortran = fortran.starts_with("True");
  if (!(header.fortran || fortran.starts_with("False")) ||
      !parseShape(valueOf(dict, "shape"), header.shape))
    return createStringError("its header is damaged");
  return header;
}

static void swapBytes(char *data, size_t bytes, size_t unit) {
  for (size_t i = 0; i + unit <= bytes; i += unit)
    std::reverse(data + i, data + i + unit);
}

/// Copies column-major elements to row-major order.
static void copyTransposed(const char *from, HostTensor &to) {
  size_t unit = to.dtype().bits / 8, rank = to.shape().size();
  SmallVector<int64_t> index(rank, 0);
  for (size_t n = 0, count = to.elements(); n < count; ++n) {
    size_t offset = 0;
    for (size_t axis = rank; axis-- > 0;)
      offset = offset * to.shape()[axis] + index[axis];
    std::memcpy(to.data() + n * unit, from + offset * unit, unit);
    for (size_t axis = rank; axis-- > 0;) {
      if (++index[axis] < to.shape()[axis])
        break;
      index[axis] = 0;
    }
  }
}

static Expected<HostTensor> parseNpy(StringRef file) {
  Expected<Header> header = parseHeader(file);
  if (!header)
    return header.takeError();
  StringRef data = file.drop_front(header->dataOffset);
  uint64_t wanted = header->dtype.bits / 8;
  bool fits = true, empty = is_contained(header->shape, 0);
  for (int64_t extent : header->shape)
    fits = fits && !__builtin_mul_overflow(wanted, static_cast<uint64_t>(extent), &wanted);
  if (!empty && (!fits || wanted > data.size()))
    return createStringError("it holds less data than its shape asks for");
  Expected<HostTensor> tensor = HostTensor::create(header->dtype, header->shape);
  if (!tensor)
    return tensor.takeError();
  if (header->fortran && header->shape.size() > 1)
    copyTransposed(data.data(), *tensor);
  else
    std::memcpy(tensor->data(), data.data(), tensor->bytes());
  if (header->swapped) {
    size_t unit = header->dtype.bits / 8;
    swapBytes(tensor->data(), tensor->bytes(), header->dtype.code == kDLComplex ? unit / 2 : unit);
  }
  return tensor;
}

static Error cannotRead(const Twine &path, Error why) {
  return createStringError("cannot read '" + path + "': " + toString(std::move(why)));
}

Expected<HostTensor> strut::driver::readNpy(const std::string &path) {
  auto file = MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!file)
    return cannotRead(path, createStringError(file.getError(), file.getError().message()));
  Expected<HostTensor> tensor = parseNpy((*file)->getBuffer());
  return tensor ? std::move(tensor) : cannotRead(path, tensor.takeError());
}

//===----------------------------------------------------------------------===//
// .npz: a zip of .npy
//===----------------------------------------------------------------------===//

static std::string zipText(int code) {
  zip_error_t error;
  zip_error_init_with_code(&error, code);
  std::string text = zip_error_strerror(&error);
  zip_error_fini(&error);
  return text;
}

static Expected<HostTensor> readMember(zip_t *archive, zip_uint64_t index,
                                       const zip_stat_t &status) {
  std::unique_ptr<zip_file_t, decltype(&zip_fclose)> file(zip_fopen_index(archive, index, 0),
                                                          &zip_fclose);
  if (!file)
    return createStringError(zip_strerror(archive));
  // The size in the directory is a claim; the buffer grows with what is there.
  std::string bytes;
  constexpr size_t step = 1 << 20;
  while (bytes.size() < status.size) {
    size_t have = bytes.size(), want = std::min<uint64_t>(step, status.size - have);
    bytes.resize(have + want);
    zip_int64_t got = zip_fread(file.get(), bytes.data() + have, want);
    if (got <= 0)
      return createStringError(got < 0 ? zip_file_strerror(file.get()) : "it is cut short");
    bytes.resize(have + static_cast<size_t>(got));
  }
  return parseNpy(bytes);
}

Expected<NamedTensors> strut::driver::readNpz(const std::string &path) {
  int code = 0;
  std::unique_ptr<zip_t, decltype(&zip_discard)> archive(zip_open(path.c_str(), ZIP_RDONLY, &code),
                                                         &zip_discard);
  if (!archive)
    return cannotRead(path, createStringError(zipText(code)));
  NamedTensors tensors;
  zip_int64_t entries = zip_get_num_entries(archive.get(), 0);
  for (zip_int64_t i = 0; i < entries; ++i) {
    zip_stat_t status;
    zip_uint64_t index = static_cast<zip_uint64_t>(i);
    if (zip_stat_index(archive.get(), index, 0, &status) != 0)
      return cannotRead(path, createStringError(zip_strerror(archive.get())));
    StringRef name = status.name;
    if (!name.consume_back(".npy"))
      continue;
    Expected<HostTensor> tensor = readMember(archive.get(), index, status);
    if (!tensor)
      return cannotRead(path + "(" + name.str() + ")", tensor.takeError());
    tensors.emplace_back(name.str(), std::move(*tensor));
  }
  return tensors;
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

static uint64_t bytesOf(const DLTensor &tensor) {
  uint64_t bytes = elementBytes(tensor.dtype);
  for (int32_t axis = 0; axis < tensor.ndim; ++axis)
    bytes *= static_cast<uint64_t>(tensor.shape[axis]);
  return bytes;
}

static const char *dataOf(const DLTensor &tensor) {
  return static_cast<const char *>(tensor.data) + tensor.byte_offset;
}

/// Everything of a .npy before its data.
static Expected<std::string> npyHeader(const DLTensor &tensor) {
  static constexpr StringLiteral kinds = "iuf?Vcb";
  uint8_t code = tensor.dtype.code;
  char kind = isNarrow(tensor.dtype) ? 'V' : code < kinds.size() ? kinds[code] : '?';
  if (kind == '?')
    return createStringError("numpy has no element type for " + dtypeName(tensor.dtype));
  size_t bytes = elementBytes(tensor.dtype);
  std::string text;
  raw_string_ostream dict(text);
  dict << "{'descr': '" << (bytes == 1 || kind == 'V' ? '|' : '<') << kind << bytes
       << "', 'fortran_order': False, 'shape': (";
  for (int32_t axis = 0; axis < tensor.ndim; ++axis)
    dict << tensor.shape[axis] << (tensor.ndim == 1 ? "," : axis + 1 < tensor.ndim ? ", " : "");
  dict << "), }";
  // Spaces and a newline make the data start at a multiple of 64.
  size_t prefix = 10, total = alignTo(prefix + text.size() + 1, 64);
  text.append(total - prefix - text.size() - 1, ' ');
  text += '\n';
  char length[2];
  support::endian::write16le(length, static_cast<uint16_t>(text.size()));
  return (magic + StringRef("\1\0", 2) + StringRef(length, 2) + text).str();
}

Error strut::driver::writeNpy(const std::string &path, const DLTensor &tensor) {
  Expected<std::string> header = npyHeader(tensor);
  if (!header)
    return createStringError("cannot write '" + path + "': " + toString(header.takeError()));
  return writeFile(path, [&](raw_pwrite_stream &stream) {
    stream << *header << StringRef(dataOf(tensor), bytesOf(tensor));
    return Error::success();
  });
}

Error strut::driver::writeNpz(const std::string &path, ArrayRef<OutputTensor> tensors) {
  auto fail = [&](const Twine &why) {
    return createStringError("cannot write '" + path + "': " + why);
  };
  // libzip reads its sources when it closes the archive, so the bytes stay until then.
  SmallVector<std::string> members(tensors.size());
  int code = 0;
  std::unique_ptr<zip_t, decltype(&zip_discard)> archive(
      zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code), &zip_discard);
  if (!archive)
    return fail(zipText(code));
  for (auto [out, member] : zip_equal(tensors, members)) {
    Expected<std::string> header = npyHeader(out.tensor);
    if (!header)
      return fail("output '" + out.name + "': " + toString(header.takeError()));
    member = std::move(*header);
    member.append(dataOf(out.tensor), bytesOf(out.tensor));
    zip_source_t *source = zip_source_buffer(archive.get(), member.data(), member.size(), 0);
    zip_int64_t index = -1;
    if (source)
      index = zip_file_add(archive.get(), (out.name + ".npy").c_str(), source, ZIP_FL_ENC_UTF_8);
    if (index < 0) {
      zip_source_free(source);
      return fail("output '" + out.name + "': " + zip_strerror(archive.get()));
    }
    zip_uint64_t at = static_cast<zip_uint64_t>(index);
    zip_set_file_compression(archive.get(), at, ZIP_CM_STORE, 0);
    // A fixed date (1980, the first that zip knows) makes equal results equal files.
    zip_file_set_dostime(archive.get(), at, 0, 0x21, 0);
  }
  if (zip_close(archive.get()) != 0)
    return fail(zip_strerror(archive.get()));
  archive.release();
  return Error::success();
}
