#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/manifest/decode.h"
#include "common/manifest/value.h"

namespace muster::manifest {

// What stands between text and decoding: the syntax. Pure; neither function throws.

struct ReadProblem {
  Severity severity = Severity::kError;
  Position position;
  std::string message;
};

struct ReadResult {
  // One per document that could be read, empty ones as null.
  std::vector<Value> documents;
  std::vector<ReadProblem> problems;
};

// YAML 1.1 as kubectl reads it, any number of documents. A document with a mistake in its syntax
// does not keep the others from being read. The text has to be UTF-8.
ReadResult ReadYaml(std::string_view text, const DecodeLimits& limits);

// Strict JSON, any number of values one after the other. Stops at the first mistake.
ReadResult ReadJson(std::string_view text, const DecodeLimits& limits);

}  // namespace muster::manifest
