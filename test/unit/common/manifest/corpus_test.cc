// Decodes every file of a folder of real manifests, named by MUSTER_CORPUS_DIR; they are not part
// of this repository.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "common/base/text_file.h"
#include "common/manifest/decode.h"
#include "common/manifest/encode.h"
#include "common/manifest/unsupported.h"
#include "common/model/kinds.h"

namespace muster::manifest {
namespace {

std::vector<std::string> Files() {
  std::vector<std::string> files;
  const char* folder = std::getenv("MUSTER_CORPUS_DIR");
  if (folder == nullptr) return files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.is_regular_file()) files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

// An unknown field and a double key are mistakes of the authors, which kubectl reports as well.
bool IsMistakeOfTheAuthor(const Diagnostic& found) {
  return found.message.find("unknown field") != std::string::npos ||
         found.message.find("occurs twice") != std::string::npos;
}

TEST(Corpus, EveryManifestDecodesAndSurvivesPrinting) {
  const std::vector<std::string> files = Files();
  if (files.empty()) GTEST_SKIP() << "MUSTER_CORPUS_DIR is not set";
  for (const std::string& file : files) {
    const std::string name = std::filesystem::path(file).filename().string();
    const absl::StatusOr<std::string> text = ReadFile(file);
    ASSERT_TRUE(text.ok()) << text.status();
    const Decoded decoded = DecodeManifest(name, *text);
    for (const Diagnostic& found : decoded.diagnostics) {
      std::cout << ToString(found) << "\n";
      EXPECT_TRUE(found.severity != Severity::kError || IsMistakeOfTheAuthor(found));
    }
    EXPECT_FALSE(decoded.documents.empty() && decoded.diagnostics.empty()) << name;
    for (const Document& document : decoded.documents) {
      for (const UnsupportedField& field :
           FindUnsupportedFields(model::MessageOf(document.object))) {
        const Position place = document.source.Find(field.path);
        EXPECT_GT(place.line, 0);
        std::cout << name << ":" << place.line << (field.refused ? " refused " : " warned ")
                  << field.path << ": " << field.reason << "\n";
      }
      const std::string yaml = EncodeYaml(document.object);
      const Decoded again = DecodeManifest(name, yaml);
      ASSERT_EQ(again.documents.size(), 1U) << yaml;
      EXPECT_EQ(again.documents[0].object.SerializeAsString().size(),
                document.object.SerializeAsString().size())
          << name;
      EXPECT_EQ(EncodeYaml(again.documents[0].object), yaml) << name;
    }
  }
}

}  // namespace
}  // namespace muster::manifest
