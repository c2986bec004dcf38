#include "agent/tunnel/spdy.h"

#include "gtest/gtest.h"

namespace muster::agent::spdy {
namespace {

using namespace std::string_literals;

TEST(Spdy, StreamIsOpenedWithAStoredHeaderBlock) {
  // Version 3, type 1, no flags, 48 bytes; stream 1; no associated stream; priority 0; then zlib's
  // header, a stored block of 26 bytes, and an empty one.
  const std::string frame = OpenStream(1, {{"name", "value-of-10"}}, true);
  EXPECT_EQ(frame,
            "\x80\x03\x00\x01\x00\x00\x00\x31"
            "\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00"
            "\x78\x01"
            "\x00\x1b\x00\xe4\xff"
            "\x00\x00\x00\x01\x00\x00\x00\x04name\x00\x00\x00\x0bvalue-of-10"
            "\x00\x00\x00\xff\xff"s);
}

TEST(Spdy, ZlibHeaderIsSentOnceInAConnection) {
  EXPECT_EQ(OpenStream(1, {}, true).find("\x78\x01"s), 18u);
  EXPECT_EQ(OpenStream(3, {}, false).find("\x78\x01"s), std::string::npos);
}

TEST(Spdy, DataCarriesItsStreamAndItsEnd) {
  EXPECT_EQ(Data(3, "hi", false), "\x00\x00\x00\x03\x00\x00\x00\x02hi"s);
  EXPECT_EQ(Data(3, "hi", true), "\x00\x00\x00\x03\x01\x00\x00\x02hi"s);
  EXPECT_EQ(Data(3, "", true), "\x00\x00\x00\x03\x01\x00\x00\x00"s);
}

TEST(Spdy, LongDataIsSplitAndOnlyTheLastPieceEndsTheStream) {
  const std::string bytes(100'000, 'x');
  FrameReader reader;
  const auto frames = reader.Feed(Data(5, bytes, true));
  ASSERT_TRUE(frames.ok());
  std::string joined;
  for (const Frame& frame : *frames) {
    EXPECT_EQ(frame.kind, Frame::Kind::kData);
    EXPECT_EQ(frame.id, 5u);
    joined += frame.bytes;
    EXPECT_EQ(frame.last, joined.size() == bytes.size());
  }
  EXPECT_EQ(joined, bytes);
  EXPECT_GT(frames->size(), 1u);
}

TEST(Spdy, FramesAreReadHoweverTheyAreCut) {
  const std::string bytes = Data(5, "hello", false) + Ping(4) +
                            "\x80\x03\x00\x03\x00\x00\x00\x08\x00\x00\x00\x07\x00\x00\x00\x05"s +
                            "\x80\x03\x00\x07\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00\x02"s +
                            "\x80\x03\x00\x02\x00\x00\x00\x04\x00\x00\x00\x05"s + Data(7, "", true);
  for (size_t step = 1; step <= bytes.size(); ++step) {
    FrameReader reader;
    std::vector<Frame> frames;
    for (size_t at = 0; at < bytes.size(); at += step) {
      auto more = reader.Feed(std::string_view(bytes).substr(at, step));
      ASSERT_TRUE(more.ok()) << more.status();
      frames.insert(frames.end(), more->begin(), more->end());
    }
    ASSERT_EQ(frames.size(), 6u) << step;
    EXPECT_EQ(frames[0].bytes, "hello");
    EXPECT_EQ(frames[1].kind, Frame::Kind::kPing);
    EXPECT_EQ(frames[1].id, 4u);
    EXPECT_EQ(frames[2].kind, Frame::Kind::kReset);
    EXPECT_EQ(frames[2].id, 7u);
    EXPECT_EQ(frames[2].status, 5u);
    EXPECT_EQ(frames[3].kind, Frame::Kind::kGoAway);
    EXPECT_EQ(frames[3].status, 2u);
    EXPECT_EQ(frames[4].kind, Frame::Kind::kOther);
    EXPECT_EQ(frames[5].id, 7u);
    EXPECT_TRUE(frames[5].last);
  }
}

TEST(Spdy, OtherProtocolsAreNotMistakenForIt) {
  // A control frame of another version.
  EXPECT_TRUE(absl::IsDataLoss(FrameReader().Feed("\x80\x02\x00\x01\x00\x00\x00\x00"s).status()));
  // Text, whose length field comes out absurd.
  EXPECT_TRUE(absl::IsDataLoss(FrameReader().Feed("HTTP/1.1 400 Bad Request").status()));
}

TEST(Spdy, ControlFramesThatAreTooShortSayNothing) {
  FrameReader reader;
  const auto frames = reader.Feed("\x80\x03\x00\x06\x00\x00\x00\x02\x00\x01"s);
  ASSERT_TRUE(frames.ok());
  ASSERT_EQ(frames->size(), 1u);
  EXPECT_EQ(frames->front().kind, Frame::Kind::kOther);
}

}  // namespace
}  // namespace muster::agent::spdy
