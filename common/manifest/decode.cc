#include "common/manifest/decode.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/manifest/findings.h"
#include "common/manifest/legacy.h"
#include "common/manifest/message_decoder.h"
#include "common/manifest/reader.h"
#include "common/manifest/suggest.h"
#include "common/manifest/utf8.h"
#include "common/model/kinds.h"

namespace muster::manifest {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// Kinds whose name differs little from one of ours, so that they are no slip of the pen.
bool IsForeignKind(std::string_view name) {
  return name == "Role" || name == "Mode" || name == "ReplicaSet" || name == "PodTemplate";
}

class ManifestDecoder {
 public:
  ManifestDecoder(const DecodeOptions& options, Findings& findings)
      : options_(options), findings_(findings) {}

  void DecodeRoot(Value root) {
    if (root.type == Value::Type::kNull) return;
    if (root.type != Value::Type::kMapping) {
      return findings_.Error(root.position, "",
                             "expected an object with apiVersion and kind, found something else");
    }
    DecodeObject(std::move(root));
  }

  std::vector<Document> Take() { return std::move(documents_); }

 private:
  // The text of apiVersion or kind; reports its absence.
  const std::string* Identify(const Value& root, std::string_view field) {
    const Value* value = root.Find(field);
    const bool absent = value == nullptr || value->type == Value::Type::kNull ||
                        (value->type == Value::Type::kString && value->text.empty());
    if (absent) {
      findings_.Error(root.position, field, "this is missing, so the document is no object");
      return nullptr;
    }
    if (value->type != Value::Type::kString) {
      findings_.Error(value->position, field, "expected string");
      return nullptr;
    }
    return &value->text;
  }

  void DecodeObject(Value root) {
    const std::string* api_version_text = Identify(root, "apiVersion");
    const std::string* kind_text = Identify(root, "kind");
    if (api_version_text == nullptr || kind_text == nullptr) return;
    const std::string api_version = *api_version_text;
    const std::string name = *kind_text;

    const model::KindInfo* info = model::FindKind(api_version, name);
    const LegacyKind* legacy = FindLegacyKind(api_version, name);
    if (legacy != nullptr) info = model::FindKind(legacy->current_api_version, name);
    if (info != nullptr) return DecodeKnown(std::move(root), *info, legacy);
    if (absl::EndsWith(name, "List") && root.Find("items") != nullptr) {
      return DecodeList(std::move(root), api_version, name.substr(0, name.size() - 4));
    }
    DecodeForeign(root, api_version, name);
  }

  void DecodeKnown(Value root, const model::KindInfo& info, const LegacyKind* legacy) {
    const size_t errors_before = findings_.errors();
    if (legacy != nullptr) {
      const Position position = root.Find("apiVersion")->position;
      findings_.Add(Severity::kWarning, position, "apiVersion", ModernizeManifest(*legacy, root));
    }
    Document document;
    document.object = model::NewObject(info);
    MessageDecoder decoder(UnknownFields::kRefuse, &document.source, findings_);
    decoder.Decode(root, model::MutableMessageOf(document.object));
    if (findings_.errors() > errors_before) return;
    if (legacy != nullptr) ApplyLegacyDefaults(*legacy, document.object);
    documents_.push_back(std::move(document));
  }

  // Items of a DaemonSetList may leave out what the list says about them.
  void DecodeList(Value root, const std::string& api_version, const std::string& item_kind) {
    Value& items = *root.Find("items");
    if (items.type == Value::Type::kNull) return;
    if (items.type != Value::Type::kList) {
      return findings_.Error(items.position, "items", "expected list");
    }
    for (Value& item : items.items) {
      if (!item_kind.empty() && item.type == Value::Type::kMapping) {
        AddIfMissing(item, "apiVersion", api_version);
        AddIfMissing(item, "kind", item_kind);
      }
      DecodeRoot(std::move(item));
    }
  }

  static void AddIfMissing(Value& item, std::string_view key, const std::string& text) {
    if (item.Find(key) != nullptr) return;
    Member member{std::string(key), item.position, MakeString(text)};
    member.value.position = item.position;
    item.members.push_back(std::move(member));
  }

  void DecodeForeign(const Value& root, const std::string& api_version, const std::string& name) {
    // Our kinds under another version, and slips in their names, are not to be skipped quietly.
    const std::string group =
        absl::StrContains(api_version, "/") ? api_version.substr(0, api_version.find('/')) : "";
    std::vector<std::string_view> names;
    for (const model::KindInfo& info : model::AllKinds()) {
      // Groups with a dot belong to whoever owns that domain.
      const bool may_be_ours = group == info.group() || !absl::StrContains(group, ".");
      if (info.name == name && may_be_ours) {
        std::string message = absl::StrCat("there is no ", name, " of version ", api_version);
        message.append(", did you mean ").append(info.api_version).append("?");
        return findings_.Error(root.Find("apiVersion")->position, "apiVersion", message);
      }
      if (info.api_version == api_version) names.push_back(info.name);
    }
    const std::string nearest = IsForeignKind(name) ? "" : Suggest(name, names);
    if (!nearest.empty()) {
      return findings_.Error(
          root.Find("kind")->position, "kind",
          absl::StrCat("unknown kind \"", name, "\", did you mean \"", nearest, "\"?"));
    }

    std::string what = absl::StrCat(name, " (", api_version, ")");
    const Value* metadata = root.Find("metadata");
    const Value* object_name = metadata == nullptr ? nullptr : metadata->Find("name");
    if (object_name != nullptr && object_name->type == Value::Type::kString) {
      absl::StrAppend(&what, " \"", object_name->text, "\"");
    }
    absl::StrAppend(&what, " is of a kind Muster does not run");
    findings_.Add(options_.strict ? Severity::kError : Severity::kSkipped, root.position, "", what);
  }

  const DecodeOptions& options_;
  Findings& findings_;
  std::vector<Document> documents_;
};

// JSON is nearly a part of YAML, but not where it matters: escapes and tabs.
bool LooksLikeJson(std::string_view text) {
  for (char c : text) {
    if (!absl::ascii_isspace(static_cast<unsigned char>(c))) return c == '{';
  }
  return false;
}

ReadResult Read(std::string_view text, const DecodeLimits& limits) {
  if (text.size() > limits.bytes_max) {
    ReadResult result;
    result.problems.push_back({Severity::kError,
                               {},
                               absl::StrCat("the text has ", text.size(), " bytes, more than ",
                                            limits.bytes_max, " are not read")});
    return result;
  }
  if (text.substr(0, kByteOrderMark.size()) == kByteOrderMark) {
    text.remove_prefix(kByteOrderMark.size());
  }
  const size_t invalid = FindInvalidUtf8(text);
  if (invalid != std::string_view::npos) {
    Position position{1, 1};
    for (size_t i = 0; i < invalid; ++i) {
      position = text[i] == '\n' ? Position{position.line + 1, 1}
                                 : Position{position.line, position.column + 1};
    }
    ReadResult result;
    result.problems.push_back({Severity::kError, position, "the text is not UTF-8"});
    return result;
  }
  if (!LooksLikeJson(text)) return ReadYaml(text, limits);
  ReadResult json = ReadJson(text, limits);
  if (json.problems.empty()) return json;
  // What begins like JSON may still be YAML in flow style. If it is neither, the words of the
  // JSON reader are the better ones.
  ReadResult yaml = ReadYaml(text, limits);
  return yaml.problems.empty() ? yaml : json;
}

}  // namespace

Decoded DecodeManifest(std::string_view file_name, std::string_view text,
                       const DecodeOptions& options) {
  Findings findings(file_name, options.limits.diagnostics_max);
  ReadResult read = Read(text, options.limits);
  for (const ReadProblem& problem : read.problems) {
    findings.Add(problem.severity, problem.position, "", problem.message);
  }
  ManifestDecoder decoder(options, findings);
  for (Value& root : read.documents) decoder.DecodeRoot(std::move(root));
  return {decoder.Take(), findings.Finish()};
}

absl::Status DecodeJson(std::string_view json, google::protobuf::Message& message,
                        UnknownFields unknown) {
  message.Clear();
  DecodeLimits limits;
  // What was stored once has to be readable, however large.
  limits.values_max = static_cast<size_t>(-1);
  if (FindInvalidUtf8(json) != std::string_view::npos) {
    return absl::InvalidArgumentError("the JSON is not UTF-8");
  }
  const ReadResult read = ReadJson(json, limits);
  if (!read.problems.empty() || read.documents.size() != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("not a JSON value: ", read.problems.empty() ? "expected exactly one"
                                                                 : read.problems.front().message));
  }
  Findings findings("", 1);
  MessageDecoder decoder(unknown, nullptr, findings);
  decoder.Decode(read.documents.front(), message);
  if (findings.errors() == 0) return absl::OkStatus();
  const Diagnostic first = findings.Finish().front();
  return absl::InvalidArgumentError(
      absl::StrCat(first.path, first.path.empty() ? "" : ": ", first.message));
}

}  // namespace muster::manifest
