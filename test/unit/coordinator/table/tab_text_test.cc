#include "coordinator/table/tab_text.h"

#include "gtest/gtest.h"

namespace muster::coordinator {
namespace {

TEST(AlignTabs, NeighbouringLinesShareAColumn) {
  EXPECT_EQ(AlignTabs("a:\t1\nlong:\t2\n"), "a:     1\nlong:  2\n");
}

TEST(AlignTabs, ALineWithoutACellEndsTheColumn) {
  EXPECT_EQ(AlignTabs("Name:\tx\nTitle\nA much longer name:\ty\nb:\tz\n"),
            "Name:  x\nTitle\nA much longer name:  y\nb:                   z\n");
}

TEST(AlignTabs, EmptyCellsIndent) {
  EXPECT_EQ(AlignTabs("Labels:\ta=b\n\tc=d\nX:\t<none>\n"),
            "Labels:  a=b\n         c=d\nX:       <none>\n");
}

TEST(AlignTabs, ColumnsNestInsideTheirBlock) {
  // The second column of the third line stands alone, since the second line has none.
  EXPECT_EQ(AlignTabs("a\tbbbb\tc\nd\te\nf\tg\th\n"), "a  bbbb  c\nd  e\nf  g  h\n");
  EXPECT_EQ(AlignTabs("a\tbbbb\tc\nd\te\tf\n"), "a  bbbb  c\nd  e     f\n");
}

TEST(AlignTabs, WidthsCountCharactersNotBytes) {
  EXPECT_EQ(AlignTabs("\xc3\xa4:\t1\nab:\t2\n"), "\xc3\xa4:   1\nab:  2\n");
}

TEST(AlignTabs, TextWithoutTabsStaysAsItIs) {
  EXPECT_EQ(AlignTabs(""), "");
  EXPECT_EQ(AlignTabs("a  b\n\n c"), "a  b\n\n c");
  EXPECT_EQ(AlignTabs("a\n"), "a\n");
}

}  // namespace
}  // namespace muster::coordinator
