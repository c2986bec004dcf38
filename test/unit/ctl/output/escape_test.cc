#include "ctl/output/escape.h"

#include <sstream>
#include <string>

#include "ctl/output/color.h"
#include "ctl/output/live_region.h"
#include "gtest/gtest.h"

namespace muster::ctl {
namespace {

using Mode = EscapingBuffer::Mode;

std::string Shown(const std::string& text, Mode mode = Mode::kText, bool is_terminal = true) {
  std::ostringstream target;
  EscapingBuffer buffer(target.rdbuf(), is_terminal);
  std::ostream out(&buffer);
  const OutputMode scope(out, mode);
  out << text << "." << std::flush;
  return target.str();
}

TEST(Escape, WhatControlsATerminalIsShown) {
  struct Row {
    const char* text;
    const char* shown;
  };
  for (const Row& row : {
           Row{"plain text\tof\nlines", "plain text\tof\nlines"},
           Row{"\x1b]0;title\x07", "^[]0;title^G"},
           Row{"\x1b[2J\x1b[31m", "^[[2J^[[31m"},
           Row{"over\rwritten", "over\\rwritten"},
           Row{"\b\x7f", "^H^?"},
           Row{"\xc2\x9b"
               "2J",
               "\\u009b2J"},
           Row{"\xe2\x80\xae"
               "txt.exe",
               "\\u202etxt.exe"},
           Row{"\xe2\x81\xa6\xe2\x80\x8f", "\\u2066\\u200f"},
           // Letters, quotes and signs stay, and so does what is no UTF-8.
           Row{"\xc3\xa4\xc2\xa3 \xe2\x82\xac \xe2\x80\x9cq\xe2\x80\x9d \xf0\x9f\x98\x80",
               "\xc3\xa4\xc2\xa3 \xe2\x82\xac \xe2\x80\x9cq\xe2\x80\x9d \xf0\x9f\x98\x80"},
           Row{"\xe2\x80", "\xe2\x80"},
           Row{"\xc2\x1b", "\xc2^["},
           Row{"\xe2\xc2\x9b", "\xe2\\u009b"},
           Row{"\xff\xfe", "\xff\xfe"},
       }) {
    EXPECT_EQ(Shown(row.text), std::string(row.shown) + ".") << row.shown;
    EXPECT_EQ(Shown(row.text, Mode::kText, false), std::string(row.shown) + ".") << row.shown;
    EXPECT_EQ(Shown(row.text, Mode::kMachine, true), std::string(row.shown) + ".") << row.shown;
    EXPECT_EQ(Shown(row.text, Mode::kMachine, false), std::string(row.text) + ".") << row.shown;
    EXPECT_EQ(Shown(row.text, Mode::kRaw), std::string(row.text) + ".") << row.shown;
  }
}

TEST(Escape, ACharacterThatComesInPartsIsSeen) {
  std::ostringstream target;
  EscapingBuffer buffer(target.rdbuf(), true);
  std::ostream out(&buffer);
  for (const char* part : {"\xe2", "\x80", "\xae", "x"}) out << part << std::flush;
  EXPECT_EQ(target.str(), "\\u202ex");
}

TEST(Escape, OurOwnColoursAndDrawingsGoThrough) {
  std::ostringstream target;
  EscapingBuffer buffer(target.rdbuf(), true);
  std::ostream out(&buffer);
  PrintColored(out, "e\x1b", Color::kRed, true);
  PrintColored(out, "plain", Color::kRed, false);
  EXPECT_EQ(target.str(), "\x1b[31me^[\x1b[0mplain");
  target.str("");
  LiveRegion region(out);
  region.Draw({"n\x1b[2J"});
  EXPECT_EQ(target.str(), "\x1b[?7ln^[[2J\n\x1b[?7h");
}

}  // namespace
}  // namespace muster::ctl
