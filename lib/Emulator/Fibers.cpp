//===- Fibers.cpp - Computations with stacks of their own -----------------===//
// A jump to another stack is none that glibc could check.
#undef _FORTIFY_SOURCE
#include "Emulator.h"
#include <cstdlib>
#include <sys/mman.h>

namespace strut::emulator {

constexpr size_t stackBytes = 256 << 10; // of which the system provides what is touched

thread_local Fiber *Fiber::running = nullptr;

Fiber::Fiber()
    : stack(mmap(nullptr, stackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {
  if (stack == MAP_FAILED)
    abort(); // a test tool: there is no one to tell
}

Fiber::~Fiber() { munmap(stack, stackBytes); }

// Switches jump: swapcontext would call the system twice for each.

void Fiber::enter() {
  Fiber *fiber = running;
  fiber->body();
  fiber->done = true;
  _longjmp(fiber->caller, 1);
}

void Fiber::start(std::function<void()> newBody) {
  body = std::move(newBody);
  done = started = false;
  getcontext(&first);
  first.uc_stack.ss_sp = stack;
  first.uc_stack.ss_size = stackBytes;
  first.uc_link = nullptr;
  makecontext(&first, &Fiber::enter, 0);
}

void Fiber::resume() {
  running = this;
  if (_setjmp(caller))
    return;
  if (started)
    _longjmp(self, 1);
  started = true;
  setcontext(&first);
}

void Fiber::pause() {
  if (!_setjmp(running->self))
    _longjmp(running->caller, 1);
}

} // namespace strut::emulator
