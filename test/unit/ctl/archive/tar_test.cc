// The archives of real tar programs read, and ours read by them.

#include "ctl/archive/tar.h"

#include <gmock/gmock.h>

#include <cstdio>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "ctl/archive/pack.h"
#include "test/support/temp_dir.h"

namespace muster::ctl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Output(const std::string& command) {
  FILE* pipe = ::popen(command.c_str(), "r");
  std::string out;
  char buffer[4096];
  for (size_t got; (got = ::fread(buffer, 1, sizeof buffer, pipe)) > 0;) out.append(buffer, got);
  EXPECT_EQ(::pclose(pipe), 0) << command;
  return out;
}

// What is in an archive, a line for each entry, read in pieces of a size.
absl::StatusOr<std::vector<std::string>> Read(const std::string& archive, size_t piece = SIZE_MAX) {
  std::vector<std::string> lines;
  std::string content;
  TarReader reader({[&](const TarEntry& entry) {
                      const char* kind = entry.kind == TarEntry::Kind::kFile        ? "file"
                                         : entry.kind == TarEntry::Kind::kDirectory ? "folder"
                                         : entry.kind == TarEntry::Kind::kSymlink   ? "link"
                                                                                    : "other";
                      lines.push_back(absl::StrCat(kind, " ", entry.name, " ", entry.link));
                      content.clear();
                      return absl::OkStatus();
                    },
                    [&](std::string_view bytes) {
                      content += bytes;
                      return absl::OkStatus();
                    },
                    [&] {
                      absl::StrAppend(&lines.back(), "=", content.substr(0, 40));
                      return absl::OkStatus();
                    }});
  for (size_t at = 0; at < archive.size(); at += std::min(piece, archive.size() - at)) {
    if (absl::Status fed = reader.Feed(std::string_view(archive).substr(at, piece)); !fed.ok()) {
      return fed;
    }
  }
  if (absl::Status whole = reader.Finish(); !whole.ok()) return whole;
  return lines;
}

class TarTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(folder_ / ("d/" + long_));
    Write("d/empty", "");
    Write("d/block", std::string(512, 'b'));
    Write("d/" + long_ + "/deep", "deep inside");
    std::filesystem::create_symlink("/etc/passwd", folder_ / "d/link");
  }
  void Write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
  }
  auto Expected() const {
    return ElementsAre("folder d/ =", "file d/block =" + std::string(40, 'b'),
                       "file d/empty =", "link d/link /etc/passwd=", "folder d/" + long_ + "/ =",
                       "file d/" + long_ + "/deep =deep inside");
  }

  const std::string long_ = std::string(90, 'l') + "/" + std::string(90, 'm');
  const std::string parent_ = std::string(90, 'l');
  TempDir folder_;
};

TEST_F(TarTest, ReadsWhatTarProgramsWrite) {
  const std::string list =
      absl::StrCat("d d/block d/empty d/link d/", long_, " d/", long_, "/deep");
  for (const char* program : {"tar --format=gnu", "tar --format=pax", "tar --format=ustar"}) {
    const std::string archive = Output(
        absl::StrCat("cd ", folder_.path(), " && ", program, " --no-recursion -cf - ", list));
    for (const size_t piece : {SIZE_MAX, size_t{1}, size_t{511}, size_t{513}}) {
      const auto lines = Read(archive, piece);
      ASSERT_TRUE(lines.ok()) << program << ": " << lines.status();
      EXPECT_THAT(*lines, Expected()) << program;
    }
    EXPECT_TRUE(absl::IsDataLoss(Read(archive.substr(0, 700)).status())) << program;
  }
}

TEST_F(TarTest, WritesWhatTarProgramsRead) {
  std::string archive;
  ASSERT_TRUE(Pack(folder_ / "d", "d", [&](std::string_view bytes) {
                archive += bytes;
                return true;
              }).ok());
  EXPECT_EQ(archive.size() % 512, 0u);
  std::ofstream(folder_ / "out.tar") << archive;
  for (const char* program : {"tar", "busybox tar"}) {
    const std::string to = folder_ / "out";
    std::filesystem::remove_all(to);
    std::filesystem::create_directory(to);
    Output(absl::StrCat("cd ", to, " && ", program, " -xmf ../out.tar"));
    Output(absl::StrCat("diff -r --no-dereference ", folder_ / "d", " ", to, "/d"));
  }
  EXPECT_TRUE(absl::IsNotFound(Pack(folder_ / "none", "x", [](std::string_view) { return true; })));
  EXPECT_TRUE(absl::IsCancelled(Pack(folder_ / "d", "x", [](std::string_view) { return false; })));
}

TEST(TarReader, LargeSizesAreUnderstood) {
  TarEntry large;
  large.name = "large";
  large.size = uint64_t{1} << 40;
  uint64_t seen = 0;
  TarReader reader({[&](const TarEntry& entry) {
                      seen = entry.size;
                      return absl::OkStatus();
                    },
                    [](std::string_view) { return absl::OkStatus(); },
                    [] { return absl::OkStatus(); }});
  EXPECT_TRUE(reader.Feed(TarHeader(large)).ok());
  EXPECT_EQ(seen, large.size);
}

TEST(TarReader, WhatIsNoArchiveIsRefused) {
  TarEntry entry;
  entry.name = "x";
  std::string damaged = TarHeader(entry);
  damaged[3] = 'y';
  EXPECT_TRUE(absl::IsDataLoss(Read(damaged).status()));
  EXPECT_TRUE(absl::IsDataLoss(Read(std::string(512, 'x')).status()));
  EXPECT_TRUE(absl::IsDataLoss(Read("short").status()));
  EXPECT_THAT(*Read(""), ElementsAre());
  EXPECT_THAT(*Read(TarHeader(entry) + TarEnd() + "what follows"), ElementsAre("file x ="));
}

}  // namespace
}  // namespace muster::ctl
