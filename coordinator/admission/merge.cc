#include "coordinator/admission/merge.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "google/protobuf/descriptor.h"
#include "muster/v1/meta.pb.h"
#include "muster/v1/pod.pb.h"

namespace muster::coordinator {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using Items = std::vector<std::unique_ptr<Message>>;

constexpr std::string_view kFinalizers = "muster.v1.ObjectMeta.finalizers";

const std::map<std::string_view, std::vector<std::string_view>>& MergeKeys() {
  static const auto& keys = *new std::map<std::string_view, std::vector<std::string_view>>{
      {"muster.v1.Container.env", {"name"}},
      {"muster.v1.Container.ports", {"container_port", "protocol"}},
      {"muster.v1.Container.volume_devices", {"device_path"}},
      {"muster.v1.Container.volume_mounts", {"mount_path"}},
      {"muster.v1.EphemeralContainer.env", {"name"}},
      {"muster.v1.EphemeralContainer.ports", {"container_port", "protocol"}},
      {"muster.v1.EphemeralContainer.volume_devices", {"device_path"}},
      {"muster.v1.EphemeralContainer.volume_mounts", {"mount_path"}},
      {"muster.v1.ObjectMeta.owner_references", {"uid"}},
      {"muster.v1.PodSpec.containers", {"name"}},
      {"muster.v1.PodSpec.ephemeral_containers", {"name"}},
      {"muster.v1.PodSpec.host_aliases", {"ip"}},
      {"muster.v1.PodSpec.image_pull_secrets", {"name"}},
      {"muster.v1.PodSpec.init_containers", {"name"}},
      {"muster.v1.PodSpec.resource_claims", {"name"}},
      {"muster.v1.PodSpec.scheduling_gates", {"name"}},
      {"muster.v1.PodSpec.topology_spread_constraints", {"topology_key"}},
      {"muster.v1.PodSpec.volumes", {"name"}},
      {"muster.v1.ResourceRequirements.claims", {"name"}},
      {"muster.v1.ServiceAccount.image_pull_secrets", {"name"}},
      {"muster.v1.ServiceAccount.secrets", {"name"}},
      {"muster.v1.ServiceSpec.ports", {"port", "protocol"}},
  };
  return keys;
}

// Types whose JSON form is one value.
bool IsAtomic(const Descriptor* type) {
  return type == v1::Quantity::descriptor() || type == v1::IntOrString::descriptor() ||
         type == v1::Time::descriptor() || type == v1::MicroTime::descriptor() ||
         type == v1::RawJson::descriptor();
}

bool IsSet(const Message& message, const FieldDescriptor* field) {
  const Reflection& reflection = *message.GetReflection();
  return field->is_repeated() ? reflection.FieldSize(message, field) > 0
                              : reflection.HasField(message, field);
}

// One singular field of `from` into `to`, whatever its type.
void CopyField(const Message& from, const FieldDescriptor* field, Message& to) {
  const Reflection& reflection = *from.GetReflection();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE:
      reflection.MutableMessage(&to, field)->CopyFrom(reflection.GetMessage(from, field));
      break;
    case FieldDescriptor::CPPTYPE_STRING:
      reflection.SetString(&to, field, reflection.GetString(from, field));
      break;
    case FieldDescriptor::CPPTYPE_BOOL:
      reflection.SetBool(&to, field, reflection.GetBool(from, field));
      break;
    case FieldDescriptor::CPPTYPE_INT32:
      reflection.SetInt32(&to, field, reflection.GetInt32(from, field));
      break;
    default:
      reflection.SetInt64(&to, field, reflection.GetInt64(from, field));
  }
}

// A repeated field as a whole: what `modified` says, nothing if it once did, else unchanged.
void ReplaceList(const Message& original, const Message& modified, const FieldDescriptor* field,
                 Message& live) {
  const Reflection& reflection = *live.GetReflection();
  if (!IsSet(modified, field)) {
    if (IsSet(original, field)) reflection.ClearField(&live, field);
    return;
  }
  std::unique_ptr<Message> copy(modified.New());
  copy->CopyFrom(modified);
  reflection.SwapFields(&live, copy.get(), {field});
}

Items CopyItems(const Message& message, const FieldDescriptor* field) {
  const Reflection& reflection = *message.GetReflection();
  Items items;
  for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
    const Message& item = reflection.GetRepeatedMessage(message, field, i);
    items.emplace_back(item.New())->CopyFrom(item);
  }
  return items;
}

void SetItems(const Items& items, const FieldDescriptor* field, Message& message) {
  const Reflection& reflection = *message.GetReflection();
  reflection.ClearField(&message, field);
  for (const auto& item : items) reflection.AddMessage(&message, field)->CopyFrom(*item);
}

// What names an item. A protocol that is left out is TCP, as defaulting will say.
std::string KeyOf(const Message& item, const std::vector<std::string_view>& key_fields) {
  std::string key;
  for (const std::string_view name : key_fields) {
    const FieldDescriptor* field = item.GetDescriptor()->FindFieldByName(std::string(name));
    const Reflection& reflection = *item.GetReflection();
    std::string text = field->cpp_type() == FieldDescriptor::CPPTYPE_INT32
                           ? std::to_string(reflection.GetInt32(item, field))
                           : reflection.GetString(item, field);
    if (name == "protocol" && text.empty()) text = "TCP";
    key += std::to_string(text.size()) + ":" + text;
  }
  return key;
}

using Positions = std::map<std::string, size_t>;

// Where each key is; nothing when one occurs twice, so that items have no names.
std::optional<Positions> PositionsOf(const Items& items,
                                     const std::vector<std::string_view>& key_fields) {
  Positions positions;
  for (size_t i = 0; i < items.size(); ++i) {
    if (!positions.emplace(KeyOf(*items[i], key_fields), i).second) return std::nullopt;
  }
  return positions;
}

// Kubernetes' order: items of the manifest in its order, and between them the others, each before
// the first item that stood after it in the live list.
Items Interleave(Items merged, const std::vector<std::optional<size_t>>& merged_positions,
                 Items others, const std::vector<size_t>& other_positions) {
  Items all;
  size_t next = 0;
  for (size_t i = 0; i < others.size(); ++i) {
    size_t place = next;
    while (place < merged.size() &&
           !(merged_positions[place] && *merged_positions[place] > other_positions[i])) {
      ++place;
    }
    // Without such an item it goes to the end, and so do those after it.
    for (; next < place; ++next) all.push_back(std::move(merged[next]));
    all.push_back(std::move(others[i]));
  }
  for (; next < merged.size(); ++next) all.push_back(std::move(merged[next]));
  return all;
}

void MergeNamedItems(const Message& original, const Message& modified, const FieldDescriptor* field,
                     const std::vector<std::string_view>& key_fields, Message& live) {
  const Items before = CopyItems(original, field);
  const Items wanted = CopyItems(modified, field);
  Items present = CopyItems(live, field);
  const std::optional<Positions> before_at = PositionsOf(before, key_fields);
  const std::optional<Positions> wanted_at = PositionsOf(wanted, key_fields);
  const std::optional<Positions> present_at = PositionsOf(present, key_fields);
  if (!before_at || !wanted_at || !present_at) {
    ReplaceList(original, modified, field, live);
    return;
  }
  Items merged;
  std::vector<std::optional<size_t>> merged_positions;
  for (const auto& item : wanted) {
    const std::string key = KeyOf(*item, key_fields);
    std::unique_ptr<Message> result(item->New());
    const auto there = present_at->find(key);
    if (there == present_at->end()) {
      result->CopyFrom(*item);
      merged_positions.emplace_back();
    } else {
      const auto once = before_at->find(key);
      const std::unique_ptr<Message> nothing(item->New());
      result->CopyFrom(*present[there->second]);
      MergeThreeWay(once == before_at->end() ? *nothing : *before[once->second], *item, *result);
      merged_positions.emplace_back(there->second);
    }
    merged.push_back(std::move(result));
  }
  Items others;
  std::vector<size_t> other_positions;
  for (size_t i = 0; i < present.size(); ++i) {
    const std::string key = KeyOf(*present[i], key_fields);
    if (wanted_at->count(key) > 0 || before_at->count(key) > 0) continue;
    others.push_back(std::move(present[i]));
    other_positions.push_back(i);
  }
  SetItems(Interleave(std::move(merged), merged_positions, std::move(others), other_positions),
           field, live);
}

void MergeMap(const Message& original, const Message& modified, const FieldDescriptor* field,
              Message& live) {
  const std::vector<std::string_view> by_key = {"key"};
  Items entries;
  const Items before = CopyItems(original, field);
  Items wanted = CopyItems(modified, field);
  std::set<std::string> decided;
  for (const auto& entry : before) decided.insert(KeyOf(*entry, by_key));
  for (const auto& entry : wanted) decided.insert(KeyOf(*entry, by_key));
  for (auto& entry : CopyItems(live, field)) {
    if (decided.count(KeyOf(*entry, by_key)) == 0) entries.push_back(std::move(entry));
  }
  for (auto& entry : wanted) entries.push_back(std::move(entry));
  SetItems(entries, field, live);
}

std::vector<std::string> Texts(const Message& message, const FieldDescriptor* field) {
  std::vector<std::string> texts;
  for (int i = 0; i < message.GetReflection()->FieldSize(message, field); ++i) {
    texts.push_back(message.GetReflection()->GetRepeatedString(message, field, i));
  }
  return texts;
}

// A list of texts that is really a set.
void MergeTexts(const Message& original, const Message& modified, const FieldDescriptor* field,
                Message& live) {
  const Reflection& reflection = *live.GetReflection();
  const std::vector<std::string> before = Texts(original, field);
  const std::vector<std::string> wanted = Texts(modified, field);
  std::vector<std::string> result;
  auto holds = [](const std::vector<std::string>& list, const std::string& text) {
    return std::find(list.begin(), list.end(), text) != list.end();
  };
  for (const std::string& text : Texts(live, field)) {
    if (holds(wanted, text) || !holds(before, text)) result.push_back(text);
  }
  for (const std::string& text : wanted) {
    if (!holds(result, text)) result.push_back(text);
  }
  reflection.ClearField(&live, field);
  for (const std::string& text : result) reflection.AddString(&live, field, text);
}

void MergeRepeated(const Message& original, const Message& modified, const FieldDescriptor* field,
                   Message& live) {
  if (!IsSet(original, field) && !IsSet(modified, field)) return;
  if (field->is_map()) {
    MergeMap(original, modified, field, live);
  } else if (field->full_name() == kFinalizers) {
    MergeTexts(original, modified, field, live);
  } else if (const auto& keys = MergeKeysOf(field->full_name()); !keys.empty()) {
    MergeNamedItems(original, modified, field, keys, live);
  } else {
    ReplaceList(original, modified, field, live);
  }
}

void MergeSingular(const Message& original, const Message& modified, const FieldDescriptor* field,
                   Message& live) {
  const Reflection& reflection = *live.GetReflection();
  if (!IsSet(modified, field)) {
    if (IsSet(original, field)) reflection.ClearField(&live, field);
  } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
             !IsAtomic(field->message_type()) && reflection.HasField(live, field)) {
    MergeThreeWay(reflection.GetMessage(original, field), reflection.GetMessage(modified, field),
                  *reflection.MutableMessage(&live, field));
  } else {
    CopyField(modified, field, live);
  }
}

// A volume has one source: another one in the manifest takes the place of a defaulted one.
void RetainSourcesOf(const Message& modified, Message& live) {
  const Descriptor& type = *live.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor* field = type.field(i);
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !IsSet(modified, field)) {
      live.GetReflection()->ClearField(&live, field);
    }
  }
}

}  // namespace

void MergeThreeWay(const Message& original, const Message& modified, Message& live) {
  const Descriptor& type = *live.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor* field = type.field(i);
    if (field->is_repeated()) {
      MergeRepeated(original, modified, field, live);
    } else {
      MergeSingular(original, modified, field, live);
    }
  }
  if (&type == v1::Volume::descriptor()) RetainSourcesOf(modified, live);
}

const std::vector<std::string_view>& MergeKeysOf(std::string_view field) {
  static const auto& none = *new std::vector<std::string_view>();
  const auto found = MergeKeys().find(field);
  return found == MergeKeys().end() ? none : found->second;
}

std::vector<std::string_view> FieldsWithMergeKeys() {
  std::vector<std::string_view> fields;
  for (const auto& [field, keys] : MergeKeys()) fields.push_back(field);
  return fields;
}

}  // namespace muster::coordinator
