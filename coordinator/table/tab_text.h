#pragma once

#include <string>
#include <string_view>

namespace muster::coordinator {

// Aligns text with elastic tab stops, as kubectl's describe does: a cell ends with a tab; cells of
// neighbouring lines in the same column are made equally wide, the widest one followed by two
// blanks. A line without that cell ends the column. Widths count code points.
std::string AlignTabs(std::string_view text);

}  // namespace muster::coordinator
