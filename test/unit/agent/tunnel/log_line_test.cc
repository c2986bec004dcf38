#include "agent/tunnel/log_line.h"

#include "gtest/gtest.h"

namespace muster::agent {
namespace {

// Spec: pod/12/log-line
TEST(LogLine, ParsesWhatRuntimesWrite) {
  struct Case {
    std::string line;
    LogStream stream;
    bool partial;
    std::string text;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"2026-01-02T03:04:05.123456789Z stdout F hello", LogStream::kStdout, false, "hello"},
           {"2026-01-02T03:04:05.1Z stderr F  two  spaces ", LogStream::kStderr, false,
            " two  spaces "},
           {"2026-01-02T03:04:05Z stdout P part", LogStream::kStdout, true, "part"},
           {"2026-01-02T03:04:05.5+01:00 stdout F ", LogStream::kStdout, false, ""},
           {"2026-01-02T03:04:05.5-07:00 stdout F F P stdout", LogStream::kStdout, false,
            "F P stdout"},
           // Tags may be followed by others that are not known yet.
           {"2026-01-02T03:04:05Z stdout F:tag1:tag2 x", LogStream::kStdout, false, "x"},
           {"2026-01-02T03:04:05Z stdout P:tag x", LogStream::kStdout, true, "x"},
           {"2026-01-02T03:04:05Z stdout F \r", LogStream::kStdout, false, "\r"},
       }) {
    const std::optional<LogRecord> record = ParseLogLine(c.line);
    ASSERT_TRUE(record.has_value()) << c.line;
    EXPECT_EQ(record->stream, c.stream) << c.line;
    EXPECT_EQ(record->partial, c.partial) << c.line;
    EXPECT_EQ(record->text, c.text) << c.line;
  }
}

TEST(LogLine, AnythingElseIsNotARecord) {
  for (const char* line : {
           "",
           "hello",
           "2026-01-02T03:04:05Z",
           "2026-01-02T03:04:05Z stdout",
           "2026-01-02T03:04:05Z stdout F",
           "2026-01-02T03:04:05Z stdlog F x",
           "2026-01-02T03:04:05Z stdout X x",
           "2026-01-02T03:04:05Z stdout  x",
           "yesterday stdout F x",
           R"({"log":"docker's own form\n","stream":"stdout"})",
       }) {
    EXPECT_FALSE(ParseLogLine(line).has_value()) << line;
  }
}

TEST(LogLine, TimeIsReadInAnyZone) {
  const auto utc = ParseLogTime("2026-01-02T03:04:05.000000001Z");
  ASSERT_TRUE(utc.has_value());
  EXPECT_EQ(utc->time_since_epoch().count() % 1'000'000'000, 1);
  EXPECT_EQ(ParseLogTime("2026-01-02T04:04:05.000000001+01:00"), utc);
  EXPECT_EQ(ParseLogTime("2026-01-01T20:04:05.000000001-07:00"), utc);
  EXPECT_FALSE(ParseLogTime("2026-13-02T03:04:05Z").has_value());
  EXPECT_FALSE(ParseLogTime("").has_value());
}

TEST(LogLine, TimeIsShownWithNineDigits) {
  EXPECT_EQ(NineDigitTime("2026-01-02T03:04:05Z"), "2026-01-02T03:04:05.000000000Z");
  EXPECT_EQ(NineDigitTime("2026-01-02T03:04:05.12Z"), "2026-01-02T03:04:05.120000000Z");
  EXPECT_EQ(NineDigitTime("2026-01-02T03:04:05.123456789+01:00"),
            "2026-01-02T03:04:05.123456789+01:00");
  EXPECT_EQ(NineDigitTime("odd"), "odd");
}

LogRecord Record(LogStream stream, bool partial, std::string_view text) {
  return {"2026-01-02T03:04:05Z", stream, partial, text};
}

// Spec: pod/12/log-line
TEST(LogJoiner, PartsBecomeOneLine) {
  LogJoiner joiner(false);
  std::string out;
  joiner.Add(Record(LogStream::kStdout, true, "a"), &out);
  joiner.Add(Record(LogStream::kStdout, true, "b"), &out);
  EXPECT_EQ(out, "");
  joiner.Add(Record(LogStream::kStdout, false, "c"), &out);
  EXPECT_EQ(out, "abc\n");
}

TEST(LogJoiner, StreamsAreJoinedEachForItself) {
  LogJoiner joiner(false);
  std::string out;
  joiner.Add(Record(LogStream::kStdout, true, "out-"), &out);
  joiner.Add(Record(LogStream::kStderr, true, "err-"), &out);
  joiner.Add(Record(LogStream::kStderr, false, "1"), &out);
  joiner.Add(Record(LogStream::kStdout, false, "2"), &out);
  EXPECT_EQ(out, "err-1\nout-2\n");
}

TEST(LogJoiner, TimestampIsThatOfTheFirstPart) {
  LogJoiner joiner(true);
  std::string out;
  joiner.Add({"2026-01-02T03:04:05.1Z", LogStream::kStdout, true, "a"}, &out);
  joiner.Add({"2026-01-02T03:04:06Z", LogStream::kStdout, false, "b"}, &out);
  joiner.Add({"2026-01-02T03:04:07Z", LogStream::kStdout, false, "c"}, &out);
  EXPECT_EQ(out, "2026-01-02T03:04:05.100000000Z ab\n2026-01-02T03:04:07.000000000Z c\n");
}

TEST(LogJoiner, EndlessLineComesInPiecesWithOneTimestamp) {
  LogJoiner joiner(true);
  std::string out;
  const std::string part(16384, 'x');
  for (int i = 0; i < 100; ++i) joiner.Add(Record(LogStream::kStdout, true, part), &out);
  EXPECT_GE(out.size(), 1u << 20);
  joiner.Flush(&out);
  EXPECT_EQ(out, "2026-01-02T03:04:05.000000000Z " + std::string(100 * 16384, 'x'));
}

TEST(LogJoiner, LastLineWithoutAnEndGetsNone) {
  LogJoiner joiner(false);
  std::string out;
  joiner.Add(Record(LogStream::kStderr, true, "prompt> "), &out);
  joiner.Flush(&out);
  EXPECT_EQ(out, "prompt> ");
  joiner.Flush(&out);
  EXPECT_EQ(out, "prompt> ");
}

}  // namespace
}  // namespace muster::agent
