//===- Machines.h - Descriptions that come with Strut ----------*- C++ -*-===//
#ifndef STRUT_LIB_COST_MACHINES_H
#define STRUT_LIB_COST_MACHINES_H

namespace strut::cost::embedded {

/// The texts of lib/Cost/machines, null behind the last.
extern const char *const machines[];

} // namespace strut::cost::embedded

#endif // STRUT_LIB_COST_MACHINES_H
