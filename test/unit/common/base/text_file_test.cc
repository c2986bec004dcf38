#include "common/base/text_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/status.h"
#include "test/support/temp_dir.h"

namespace muster {
namespace {

using ::testing::HasSubstr;

mode_t ModeOf(const std::string& path) {
  struct stat info;
  return ::stat(path.c_str(), &info) == 0 ? info.st_mode & 07777 : 0;
}

TEST(TextFile, ReadsWhatWasWritten) {
  const TempDir dir;
  const std::string content("a\0b\n", 4);
  ASSERT_TRUE(WriteFileAtomically(dir / "f", content, 0640).ok());
  EXPECT_EQ(ReadFile(dir / "f").value(), content);
  EXPECT_EQ(ModeOf(dir / "f"), 0640U);
  ASSERT_TRUE(WriteFileAtomically(dir / "f", "", 0600).ok());
  EXPECT_EQ(ReadFile(dir / "f").value(), "");
  EXPECT_EQ(ModeOf(dir / "f"), 0600U);
}

TEST(TextFile, TheUmaskDoesNotDecideTheMode) {
  const TempDir dir;
  const mode_t before = ::umask(0077);
  const absl::Status status = WriteFileAtomically(dir / "f", "x", 0644);
  ::umask(before);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(ModeOf(dir / "f"), 0644U);
}

TEST(TextFile, AFileNotThereIsNotFoundAndNamed) {
  const TempDir dir;
  const auto missing = ReadFile(dir / "missing");
  EXPECT_TRUE(absl::IsNotFound(missing.status())) << missing.status();
  EXPECT_THAT(std::string(missing.status().message()), HasSubstr(dir / "missing"));
}

TEST(TextFile, ReadsUpToTheLimit) {
  const TempDir dir;
  ASSERT_TRUE(WriteFileAtomically(dir / "f", "12345", 0600).ok());
  EXPECT_EQ(ReadFile(dir / "f", 5).value(), "12345");
  EXPECT_TRUE(absl::IsResourceExhausted(ReadFile(dir / "f", 4).status()));
}

TEST(TextFile, AFailedWriteKeepsTheOldContentAndLeavesNothing) {
  const TempDir dir;
  ASSERT_EQ(::mkdir((dir / "f").c_str(), 0700), 0);  // In the way of the rename.
  ASSERT_TRUE(WriteFileAtomically(dir / "f/inside", "old", 0600).ok());
  EXPECT_FALSE(WriteFileAtomically(dir / "f", "new", 0600).ok());
  EXPECT_EQ(ReadFile(dir / "f/inside").value(), "old");
  EXPECT_NE(::access((dir / "f.new").c_str(), F_OK), 0);
}

TEST(TextFile, ALeftoverOfAKilledWriterIsReplaced) {
  const TempDir dir;
  ASSERT_TRUE(WriteFileAtomically(dir / "f.new", "half", 0600).ok());
  ASSERT_TRUE(WriteFileAtomically(dir / "f", "whole", 0600).ok());
  EXPECT_EQ(ReadFile(dir / "f").value(), "whole");
  EXPECT_NE(::access((dir / "f.new").c_str(), F_OK), 0);
}

TEST(MakeDirectories, MakesAllThatIsMissing) {
  const TempDir dir;
  EXPECT_TRUE(MakeDirectories(dir / "a/b/c", 0700).ok());
  EXPECT_EQ(ModeOf(dir / "a/b"), 0700U);
  EXPECT_TRUE(MakeDirectories(dir / "a/b/c", 0755).ok());
  EXPECT_EQ(ModeOf(dir / "a/b/c"), 0700U);
  ASSERT_TRUE(WriteFileAtomically(dir / "file", "x", 0600).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(MakeDirectories(dir / "file", 0700)));
  EXPECT_FALSE(MakeDirectories(dir / "file/below", 0700).ok());
}

TEST(Annotate, PutsTheContextInFrontAndKeepsCodeAndPayload) {
  absl::Status status = absl::NotFoundError("gone");
  status.SetPayload("type", absl::Cord("payload"));
  const absl::Status annotated = Annotate(status, "reading x");
  EXPECT_TRUE(absl::IsNotFound(annotated));
  EXPECT_EQ(annotated.message(), "reading x: gone");
  EXPECT_EQ(annotated.GetPayload("type"), absl::Cord("payload"));
  EXPECT_TRUE(Annotate(absl::OkStatus(), "reading x").ok());
}

}  // namespace
}  // namespace muster
