//===- Machine.h - What a machine can do -----------------------*- C++ -*-===//
//
// A description of a machine in the few numbers that the time model asks for. It is
// measured (`strut calibrate`) or comes with Strut under the name of a target.
// docs/cost.md has the JSON that it is written in.
//
//===----------------------------------------------------------------------===//
#ifndef STRUT_COST_MACHINE_H
#define STRUT_COST_MACHINE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"
#include <map>
#include <string>
#include <vector>

namespace strut::cost {

/// A cache, or the memory behind the last one.
struct MemoryLevel {
  std::string name;
  double bytes = 0;     ///< capacity; 0 of the last level: all that there is
  double bandwidth = 0; ///< bytes/s that one thread reads
  double total = 0;     ///< most bytes/s that all threads together read; 0: what each does, added
  /// Whether `bytes` are for all threads together and not for each.
  bool isShared = false;
};

/// Numbers in FLOP/s, bytes, bytes/s and seconds.
struct Machine {
  std::string name;
  std::vector<std::string> targets; ///< LLVM CPU names or GPU architectures that it stands for
  int threads = 1;                  ///< that share the work of a kernel; 1 for a GPU as a whole
  int multiprocessors = 0;          ///< of a GPU; 0: not told
  /// FLOP/s of one thread by element type: "f32", "bf16", "f16", "f64". A multiply-add
  /// is two.
  std::map<std::string, double> peak;
  /// (rows, part of the peak that a product of so many rows reaches), by rows: a tile
  /// of registers is not filled by few.
  std::vector<std::pair<double, double>> efficiency;
  std::vector<MemoryLevel> memory; ///< from the smallest cache to memory
  /// (threads, seconds that one kernel costs before it computes), by threads.
  std::vector<std::pair<double, double>> launch;

  /// FLOP/s of one thread; a type without an entry computes as f32.
  double peakOf(llvm::StringRef type) const;
  /// The part of the peak at so many rows, between the entries linear in log(rows).
  double efficiencyAt(double rows) const;
  /// Bytes/s at which `threads` threads read again and again what is `bytes` large.
  /// Between the capacity of a level and twice that the level behind it takes over.
  double bandwidthAt(double bytes, int threads) const;
  /// Seconds that a kernel costs on so many threads.
  double launchAt(int threads) const;

  llvm::json::Value toJSON() const;
  /// Fails with what is missing or senseless; `where` names the text in the message.
  static llvm::Expected<Machine> fromJSON(llvm::StringRef text, llvm::StringRef where);
};

/// The description that comes with Strut under this name, or that stands for this
/// LLVM CPU or GPU architecture; null if there is none.
const Machine *namedMachine(llvm::StringRef name);
/// All of them.
llvm::ArrayRef<Machine> namedMachines();
/// The description for a CPU; by the width of its vectors where it has none of its own.
const Machine &machineForCpu(llvm::StringRef cpu, unsigned vectorBytes);
/// The description for an NVIDIA GPU by its compute capability (80 for sm_80); where it has none of
/// its own, that of the latest generation before it.
const Machine &machineForGpu(unsigned capability);

/// A description by the path of its file, or by name.
llvm::Expected<Machine> readMachine(const std::string &fileOrName);

/// Where `strut calibrate` puts this machine's description: strut/machine.json in
/// $XDG_CONFIG_HOME or ~/.config; empty where there is no home.
std::string calibratedFile();

} // namespace strut::cost

#endif // STRUT_COST_MACHINE_H
