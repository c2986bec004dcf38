#include "coordinator/admission/problem.h"

#include "gtest/gtest.h"
#include "muster/v1/meta.pb.h"

namespace muster::coordinator {
namespace {

TEST(FieldPath, ReadsAsInKubernetes) {
  const FieldPath path = FieldPath().Child("spec").Child("containers").Index(2).Child("limits");
  EXPECT_EQ(path.Key("cpu").text(), "spec.containers[2].limits[cpu]");
  EXPECT_EQ(FieldPath("metadata").Child("labels").Key("a.b/c").text(), "metadata.labels[a.b/c]");
}

TEST(Problem, PrintsPathTypeValueDetail) {
  Problems problems;
  const FieldPath path("spec.x");
  problems.InvalidText(path, "a\"b", "is bad");
  problems.InvalidNumber(path, -1, "is less");
  problems.Required(path);
  problems.Required(path, "needed");
  problems.Unsupported(path, "X", {"A", "B"});
  problems.Duplicate(path, "a");
  problems.Forbidden(path, "no");
  problems.NotFound(path, "v");
  problems.TooLong(path, 10);
  problems.Invalid(FieldPath(), "1", "of the whole");
  const char* const expected[] = {
      R"(spec.x: Invalid value: "a\"b": is bad)",
      "spec.x: Invalid value: -1: is less",
      "spec.x: Required value",
      "spec.x: Required value: needed",
      R"(spec.x: Unsupported value: "X": supported values: "A", "B")",
      R"(spec.x: Duplicate value: "a")",
      "spec.x: Forbidden: no",
      R"(spec.x: Not found: "v")",
      "spec.x: Too long: may not be more than 10 bytes",
      "Invalid value: 1: of the whole",
  };
  ASSERT_EQ(problems.all().size(), std::size(expected));
  for (size_t i = 0; i < std::size(expected); ++i) {
    EXPECT_EQ(problems.all()[i].Text(), expected[i]);
  }
}

TEST(Problem, ControlCharactersCannotSpoilATerminal) {
  EXPECT_EQ(Quoted("a\n\t\x1b\x7f\\"), R"("a\n\t\x1b\x7f\\")");
}

TEST(FormatInvalid, HasOneLineOrAList) {
  const Problem a{"spec.a", "Required value", "", ""};
  const Problem b{"spec.b", "Forbidden", "", "no"};
  EXPECT_EQ(FormatInvalid("DaemonSet", "x", {a}),
            R"(The DaemonSet "x" is invalid: spec.a: Required value)");
  EXPECT_EQ(FormatInvalid("DaemonSet", "x", {a, b}),
            "The DaemonSet \"x\" is invalid: \n* spec.a: Required value\n* spec.b: Forbidden: no");
}

}  // namespace
}  // namespace muster::coordinator
