//===- Fibers.cpp - Computations with stacks of their own -----------------===//
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

void Fiber::enter() {
  Fiber *fiber = running;
  fiber->body();
  fiber->done = true;
  swapcontext(&fiber->self, &fiber->caller);
}

void Fiber::start(std::function<void()> newBody) {
  body = std::move(newBody);
  done = false;
  getcontext(&self);
  self.uc_stack.ss_sp = stack;
  self.uc_stack.ss_size = stackBytes;
  self.uc_link = nullptr;
  makecontext(&self, &Fiber::enter, 0);
}

void Fiber::resume() {
  running = this;
  swapcontext(&caller, &self);
}

void Fiber::pause() {
  Fiber *fiber = running;
  swapcontext(&fiber->self, &fiber->caller);
}

} // namespace strut::emulator
