#include "coordinator/session/object_loader.h"

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "common/model/kinds.h"
#include "coordinator/store/object_store.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"

namespace muster::coordinator {
namespace {

// 64-bit FNV-1a, kept positive.
int64_t HashOf(const std::string& bytes) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char byte : bytes) {
    hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  }
  hash &= INT64_MAX;
  return hash == 0 ? 1 : static_cast<int64_t>(hash);
}

}  // namespace

int64_t SpecVersion(const v1::Pod& pod) {
  v1::Pod spec = pod;
  spec.clear_status();
  spec.mutable_metadata()->clear_resource_version();
  spec.mutable_metadata()->clear_managed_fields();
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    // Maps in the order of their keys.
    coded.SetSerializationDeterministic(true);
    spec.SerializeWithCachedSizes(&coded);
  }
  return HashOf(bytes);
}

absl::StatusOr<const ObjectLoader::Loaded*> ObjectLoader::Load(const std::string& session_key) {
  auto [it, is_new] = loaded_.try_emplace(session_key);
  if (is_new) {
    absl::StatusOr<std::optional<KeyValue>> stored = store_.Get(absl::StrCat("/", session_key));
    absl::StatusOr<v1::Object> object = !stored.ok() ? stored.status()
                                        : !stored->has_value()
                                            ? absl::StatusOr<v1::Object>(v1::Object())
                                            : DecodeObject(**stored);
    if (!object.ok()) {
      loaded_.erase(it);
      return object.status();
    }
    if (stored->has_value()) {
      Loaded& loaded = it->second.emplace();
      loaded.bytes = (*stored)->value.size() + session_key.size();
      loaded.object = *std::move(object);
      loaded.version =
          loaded.object.has_pod() ? SpecVersion(loaded.object.pod()) : (*stored)->mod_revision;
      model::MutableMetadataOf(loaded.object).set_resource_version(absl::StrCat(loaded.version));
    }
  }
  return it->second ? &*it->second : nullptr;
}

}  // namespace muster::coordinator
