//===- Weights.cpp - Packed weights, straight into a file -------*- C++ -*-===//
#include "strut/Package/Weights.h"
#include "Files.h"
#include "strut/Runtime/program.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Parallel.h"
#include "llvm/Support/xxhash.h"
#include <atomic>
#include <cstring>

using namespace llvm;

static_assert(sizeof(StrutWeightsHeader) <= strut::package::kWeightsFileHeader);

namespace strut::package {

uint64_t WeightPlan::add(StringRef name, uint64_t bytes, PackFunction pack) {
  uint64_t offset = end;
  place(name, offset, bytes, std::move(pack));
  return offset;
}

void WeightPlan::place(StringRef name, uint64_t offset, uint64_t bytes, PackFunction pack) {
  list.push_back({name.str(), offset, bytes, std::move(pack)});
  end = std::max(end, alignTo(SaturatingAdd(offset, bytes), kAlignment));
}

Error WeightPlan::verify() const {
  std::vector<const Entry *> order;
  for (const Entry &entry : list)
    order.push_back(&entry);
  llvm::sort(order, [](auto *a, auto *b) {
    return std::tie(a->offset, a->bytes) < std::tie(b->offset, b->bytes);
  });
  constexpr uint64_t limit = uint64_t(1) << 47; // of an address space
  uint64_t used = 0;
  StringRef previous;
  for (const Entry *entry : order) {
    if (entry->offset > limit || entry->bytes > limit - entry->offset)
      return createStringError("weight '" + entry->name + "' of " + Twine(entry->bytes) +
                               " bytes fits no address space");
    if (entry->offset < used)
      return createStringError("weights '" + previous + "' and '" + entry->name +
                               "' overlap in the packed file");
    used = entry->offset + entry->bytes;
    previous = entry->name;
  }
  return Error::success();
}

Expected<uint64_t> packWeights(const WeightPlan &plan, MutableArrayRef<uint8_t> out) {
  if (Error error = plan.verify())
    return std::move(error);
  // What one weight fails by, the others would too: the first says it for all.
  std::atomic<bool> stopped = false;
  Error failed = parallelForEachError(plan.entries(), [&](const WeightPlan::Entry &entry) -> Error {
    if (stopped)
      return Error::success();
    Error error = entry.pack(out.slice(entry.offset, entry.bytes));
    if (!error)
      return error;
    std::string why = toString(std::move(error));
    if (stopped.exchange(true))
      return Error::success();
    return createStringError("packing weight '" + entry.name + "': " + why);
  });
  if (failed)
    return std::move(failed);
  return xxh3_64bits(out);
}

Expected<uint64_t> writeWeightsFile(StringRef path, const WeightPlan &plan) {
  if (Error error = plan.verify())
    return std::move(error);
  StrutWeightsHeader header = {};
  std::memcpy(header.magic, "STRUTWT", sizeof(header.magic));
  header.version = 1;
  header.data_offset = kWeightsFileHeader;
  header.data_bytes = plan.bytes();
  auto fill = [&](MutableArrayRef<uint8_t> file) -> Error {
    Expected<uint64_t> hash = packWeights(plan, file.drop_front(kWeightsFileHeader));
    if (!hash)
      return hash.takeError();
    header.hash = *hash;
    std::memcpy(file.data(), &header, sizeof(header));
    return Error::success();
  };
  if (Error error = writeMapped(path, kWeightsFileHeader + plan.bytes(), fill))
    return std::move(error);
  return header.hash;
}

} // namespace strut::package
