#include "agent/tunnel/log_tail.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace muster::agent {
namespace {

constexpr char kTime[] = "2026-01-02T03:04:05.123456789Z ";

// What a tail of `lines` shows of `file`; every read is counted.
std::string Tail(const std::string& file, int64_t lines, size_t* bytes_read = nullptr) {
  const auto offset = FindTail(
      [&](int64_t at, char* buffer, size_t length) -> absl::StatusOr<size_t> {
        const size_t got = std::min(length, file.size() - static_cast<size_t>(at));
        file.copy(buffer, got, at);
        if (bytes_read != nullptr) *bytes_read += got;
        return got;
      },
      static_cast<int64_t>(file.size()), lines);
  EXPECT_TRUE(offset.ok()) << offset.status();
  return file.substr(*offset);
}

std::string Line(const std::string& stream, const std::string& tag, const std::string& text) {
  return absl::StrCat(kTime, stream, " ", tag, " ", text, "\n");
}
std::string Whole(const std::string& text) { return Line("stdout", "F", text); }
std::string Part(const std::string& text) { return Line("stdout", "P", text); }

TEST(LogTail, CountsFromTheEnd) {
  const std::string file = Whole("1") + Whole("2") + Whole("3");
  EXPECT_EQ(Tail(file, 0), "");
  EXPECT_EQ(Tail(file, 1), Whole("3"));
  EXPECT_EQ(Tail(file, 2), Whole("2") + Whole("3"));
  EXPECT_EQ(Tail(file, 3), file);
  EXPECT_EQ(Tail(file, 4), file);
  EXPECT_EQ(Tail("", 5), "");
}

TEST(LogTail, LineThatIsJustBeingWrittenCounts) {
  const std::string file = Whole("1") + Whole("2");
  EXPECT_EQ(Tail(file + kTime, 0), kTime) << "it is new when it is whole";
  EXPECT_EQ(Tail(kTime, 0), kTime);
  EXPECT_EQ(Tail(file + kTime, 1), kTime);
  EXPECT_EQ(Tail(file + kTime, 2), Whole("2") + kTime);
}

TEST(LogTail, PartsOfALineAreOneLine) {
  const std::string file = Whole("1") + Part("a") + Part("b") + Whole("c") + Whole("2");
  EXPECT_EQ(Tail(file, 1), Whole("2"));
  EXPECT_EQ(Tail(file, 2), Part("a") + Part("b") + Whole("c") + Whole("2"));
  EXPECT_EQ(Tail(file, 3), file);
}

TEST(LogTail, LineWithoutItsEndIsOneToo) {
  const std::string file = Whole("1") + Part("a") + Part("b");
  EXPECT_EQ(Tail(file, 1), Part("a") + Part("b"));
  EXPECT_EQ(Tail(file, 2), file);
}

TEST(LogTail, StreamsAreCountedTogether) {
  const std::string file = Whole("1") + Line("stderr", "F", "e") + Whole("2");
  EXPECT_EQ(Tail(file, 2), Line("stderr", "F", "e") + Whole("2"));
}

TEST(LogTail, OddAndEmptyLinesCount) {
  const std::string file = Whole("1") + "odd\n\n";
  EXPECT_EQ(Tail(file, 1), "\n");
  EXPECT_EQ(Tail(file, 2), "odd\n\n");
  EXPECT_EQ(Tail("\n", 1), "\n");
  EXPECT_EQ(Tail("\n\n", 1), "\n");
}

TEST(LogTail, BlocksMakeNoDifference) {
  // Lines of every length around the size of a block, so that newlines and headers fall on both
  // sides of its edges.
  std::string file;
  std::vector<size_t> begins;
  for (int i = 0; i < 300; ++i) {
    begins.push_back(file.size());
    file += Whole(std::string(i * 7 % 1500, 'x'));
  }
  for (size_t lines = 1; lines <= begins.size(); ++lines) {
    ASSERT_EQ(Tail(file, static_cast<int64_t>(lines)), file.substr(begins[begins.size() - lines]))
        << lines;
  }
}

TEST(LogTail, ReadsOnlyWhatItNeeds) {
  std::string file;
  while (file.size() < 8 << 20) file += Whole(std::string(100, 'x'));
  size_t bytes_read = 0;
  EXPECT_EQ(Tail(file, 10, &bytes_read).size(), 10 * Whole(std::string(100, 'x')).size());
  EXPECT_LT(bytes_read, 200u << 10);
}

}  // namespace
}  // namespace muster::agent
