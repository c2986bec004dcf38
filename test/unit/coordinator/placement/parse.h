#pragma once

#include <string>

#include "common/base/macros.h"
#include "google/protobuf/text_format.h"

namespace muster::coordinator {

// A message from protobuf's text form; a typing mistake in a test ends it.
template <typename Message>
Message Parse(const std::string& text) {
  Message message;
  MUSTER_CHECK(google::protobuf::TextFormat::ParseFromString(text, &message));
  return message;
}

}  // namespace muster::coordinator
