#pragma once

#include <cstdio>
#include <cstdlib>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// The three macros of this project; the archive's abseil has none of them.

// Ends the program when an invariant of our own code is broken. Never for bad input.
#define MUSTER_CHECK(condition)                                                              \
  do {                                                                                       \
    if (!(condition)) {                                                                      \
      std::fprintf(stderr, "%s:%d: broken invariant: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                          \
    }                                                                                        \
  } while (false)

#define MUSTER_RETURN_IF_ERROR(expression)                                \
  do {                                                                    \
    if (absl::Status muster_status = (expression); !muster_status.ok()) { \
      return muster_status;                                               \
    }                                                                     \
  } while (false)

#define MUSTER_CONCAT_INNER(a, b) a##b
#define MUSTER_CONCAT(a, b) MUSTER_CONCAT_INNER(a, b)
#define MUSTER_ASSIGN_OR_RETURN(target, expression) \
  MUSTER_ASSIGN_OR_RETURN_INNER(MUSTER_CONCAT(muster_statusor_, __LINE__), target, expression)
#define MUSTER_ASSIGN_OR_RETURN_INNER(statusor, target, expression) \
  auto statusor = (expression);                                     \
  if (!statusor.ok()) return statusor.status();                     \
  target = std::move(statusor).value()
