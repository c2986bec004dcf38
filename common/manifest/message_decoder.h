#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/manifest/decode.h"
#include "common/manifest/findings.h"
#include "common/manifest/source_map.h"
#include "common/manifest/value.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace muster::manifest {

// Fills a message of muster.v1 from a value by walking the schema. Everything that does not fit
// is reported with its path and left unset. One use per document.
class MessageDecoder {
 public:
  // `source` may be null when nobody asks for places. Both outlive the decoder.
  MessageDecoder(UnknownFields unknown, SourceMap* source, Findings& findings)
      : unknown_(unknown), source_(source), findings_(findings) {}

  void Decode(const Value& value, google::protobuf::Message& message);

 private:
  using Descriptor = google::protobuf::Descriptor;
  using FieldDescriptor = google::protobuf::FieldDescriptor;
  using Message = google::protobuf::Message;

  // A message on the way from the root to where the walk is, with the path to it.
  struct Level {
    const Descriptor* type;
    size_t path_size;
  };

  // Makes the path longer for as long as it lives.
  class Step;
  // Reports keys that occur again in one mapping.
  class KeyCheck;

  void DecodeMessage(const Value& value, Message& message);
  void DecodeFields(const Value& value, Message& message);
  void DecodeField(const Member& member, const FieldDescriptor& field, Message& message);
  void DecodeMap(const Value& value, const FieldDescriptor& field, Message& message);
  void DecodeList(const Value& value, const FieldDescriptor& field, Message& message);
  // `repeated` adds to the list instead of setting.
  void DecodeOne(const Value& value, const FieldDescriptor& field, Message& message, bool repeated);
  void DecodeIntOrString(const Value& value, Message& message);
  void DecodeQuantity(const Value& value, Message& message);
  void DecodeTime(const Value& value, Message& message);
  bool DecodeInteger(const Value& value, int64_t low, int64_t high, int64_t& number);
  bool DecodeBytes(const Value& value, std::string& bytes);

  // Free JSON has any shape, but no double keys and no number that JSON cannot hold; numbers get
  // one form, so that equal values have equal texts.
  void NormalizeFreeForm(Value& value);
  void ReportUnknown(const Member& member, const Descriptor& type);
  std::string Describe(const Value& value) const;
  void Expected(std::string_view what, const Value& value, std::string_view hint = "");

  const UnknownFields unknown_;
  SourceMap* const source_;
  Findings& findings_;
  std::string path_;
  std::vector<Level> levels_;
  bool is_confidential_ = false;  // Inside a Secret: findings must not repeat values.
};

}  // namespace muster::manifest
