//===- FakeDriver.h - A driver of GPUs that take or refuse code -*- C++ -*-===//
#ifndef STRUT_TEST_UNIT_RUNTIME_FAKEDRIVER_H
#define STRUT_TEST_UNIT_RUNTIME_FAKEDRIVER_H

#include <string>

namespace strut::test {

/// What the library exports as `fake_driver`: how it behaves, and what was done.
struct FakeDriver {
  int capability = 80;
  int devices = 1;
  std::string refused; ///< code that begins so is refused
  int refusal = 209;   ///< with this error
  std::string log;     ///< that the compiler in the driver writes
  std::string loaded;  ///< the code that was taken
};

} // namespace strut::test

#endif // STRUT_TEST_UNIT_RUNTIME_FAKEDRIVER_H
