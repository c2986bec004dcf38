#include "ctl/archive/extract.h"

#include <gmock/gmock.h>

#include <fstream>
#include <sstream>

#include "test/support/temp_dir.h"

namespace muster::ctl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ExtractTest : public ::testing::Test {
 protected:
  absl::Status Put(Extractor& extractor, TarEntry entry, const std::string& text = "") {
    if (absl::Status status = extractor.Begin(entry); !status.ok()) return status;
    if (absl::Status status = extractor.Data(text); !status.ok()) return status;
    return extractor.End();
  }
  static TarEntry File(const std::string& name) {
    TarEntry entry;
    entry.name = name;
    return entry;
  }
  static TarEntry Folder(const std::string& name) {
    TarEntry entry = File(name);
    entry.kind = TarEntry::Kind::kDirectory;
    return entry;
  }
  Extractor Into(const std::string& asked, const std::string& target) {
    return Extractor(asked, target, [this](const std::string& text) { warnings_.push_back(text); });
  }
  static std::string Read(const std::string& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  bool IsThere(const std::string& name) const {
    return std::filesystem::exists(std::filesystem::symlink_status(folder_ / name));
  }

  TempDir folder_;
  std::vector<std::string> warnings_;
};

TEST_F(ExtractTest, AFileGoesWhereItIsNamedOrIntoAFolder) {
  Extractor named = Into("/etc/hosts", folder_ / "copy");
  EXPECT_TRUE(Put(named, File("etc/hosts"), "text").ok());
  EXPECT_TRUE(named.wrote());
  EXPECT_EQ(Read(folder_ / "copy"), "text");
  Extractor inside = Into("/etc/hosts", folder_.path());
  EXPECT_TRUE(Put(inside, File("etc/hosts"), "more").ok());
  EXPECT_EQ(Read(folder_ / "hosts"), "more");
}

TEST_F(ExtractTest, AFolderGoesWithAllThatIsInIt) {
  Extractor extractor = Into("/srv/data", folder_ / "to");
  EXPECT_TRUE(Put(extractor, Folder("srv/data/")).ok());
  EXPECT_TRUE(Put(extractor, Folder("srv/data/sub")).ok());
  TarEntry program = File("srv/data/sub/run");
  program.mode = 04755;
  EXPECT_TRUE(Put(extractor, program, "#!").ok());
  EXPECT_TRUE(Put(extractor, File("srv/data/late/file"), "x").ok());
  EXPECT_EQ(Read(folder_ / "to/sub/run"), "#!");
  EXPECT_EQ(Read(folder_ / "to/late/file"), "x");
  const auto mode = std::filesystem::status(folder_ / "to/sub/run").permissions();
  EXPECT_EQ(static_cast<unsigned>(mode) & 07000, 0u) << "no set-user-id from elsewhere";
  EXPECT_NE(static_cast<unsigned>(mode) & 0100, 0u);
  EXPECT_THAT(warnings_, IsEmpty());
}

TEST_F(ExtractTest, NothingIsWrittenOutsideTheTarget) {
  Extractor extractor = Into("/srv", folder_ / "to");
  EXPECT_TRUE(Put(extractor, Folder("srv/")).ok());
  EXPECT_TRUE(Put(extractor, File("srv/../../escaped"), "x").ok());
  EXPECT_TRUE(Put(extractor, File("../escaped"), "x").ok());
  EXPECT_TRUE(Put(extractor, File("/escaped"), "x").ok());
  EXPECT_TRUE(Put(extractor, Folder("srv/../escaped")).ok());
  EXPECT_FALSE(IsThere("escaped"));
  EXPECT_THAT(warnings_, ::testing::Each(HasSubstr("is outside target destination, skipping")));
  EXPECT_EQ(warnings_.size(), 4u);
}

TEST_F(ExtractTest, LinksAreLeftOutAndNotFollowed) {
  std::filesystem::create_directory(folder_ / "outside");
  std::filesystem::create_directory(folder_ / "to");
  // Already there, by whatever way.
  std::filesystem::create_directory_symlink(folder_ / "outside", folder_ / "to/door");
  std::ofstream(folder_ / "outside/victim") << "before";
  std::filesystem::create_symlink(folder_ / "outside/victim", folder_ / "to/alias");
  Extractor extractor = Into("/srv", folder_ / "to");
  TarEntry link = File("srv/way");
  link.kind = TarEntry::Kind::kSymlink;
  link.link = folder_ / "outside";
  EXPECT_TRUE(Put(extractor, link).ok());
  EXPECT_FALSE(IsThere("to/way"));
  EXPECT_FALSE(Put(extractor, File("srv/door/new"), "x").ok());
  EXPECT_FALSE(IsThere("outside/new"));
  EXPECT_FALSE(Put(extractor, Folder("srv/door/sub")).ok());
  EXPECT_FALSE(IsThere("outside/sub"));
  EXPECT_FALSE(Put(extractor, File("srv/alias"), "after").ok());
  EXPECT_EQ(Read(folder_ / "outside/victim"), "before");
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("skipping symlink: \"srv/way\" -> ")));
}

}  // namespace
}  // namespace muster::ctl
