// docs/musterctl.md against the command line itself, so that neither says what the other does not.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include "ctl/commands/all.h"

namespace muster::ctl {
namespace {

// The text below each "### NAME".
std::map<std::string, std::string> SectionsOf(std::istream& page) {
  std::map<std::string, std::string> sections;
  std::string name;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("### ")) {
      name = line.substr(4);
      sections[name];
    } else if (line.starts_with("#")) {
      name.clear();
    } else if (!name.empty()) {
      sections[name] += line + "\n";
    }
  }
  return sections;
}

std::set<std::string> FlagsIn(const std::string& text) {
  std::set<std::string> flags;
  const std::regex flag("(^|[^-\\w])--([a-z][-a-z]*)");
  for (std::sregex_iterator it(text.begin(), text.end(), flag), end; it != end; ++it) {
    flags.insert((*it)[2]);
  }
  return flags;
}

void AddCommands(const CLI::App& app, const std::string& before,
                 std::map<std::string, const CLI::App*>& commands) {
  for (const CLI::App* sub : app.get_subcommands(nullptr)) {
    const std::string name = before + sub->get_name();
    if (sub->get_subcommands(nullptr).empty()) {
      commands[name] = sub;
    } else {
      AddCommands(*sub, name + " ", commands);
    }
  }
}

std::set<std::string> FlagsOf(const CLI::App& app) {
  std::set<std::string> flags;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      if (name != "help") flags.insert(name);
    }
  }
  return flags;
}

class PageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::ifstream page(MUSTERCTL_PAGE);
    ASSERT_TRUE(page) << MUSTERCTL_PAGE;
    sections_ = SectionsOf(page);
    AddAllCommands(line_);
    AddCommands(line_.root(), "", commands_);
    ASSERT_GT(commands_.size(), 10u);
  }

  CommandLine line_;
  std::map<std::string, const CLI::App*> commands_;
  std::map<std::string, std::string> sections_;
};

TEST_F(PageTest, EveryCommandHasASectionWithAllItsFlags) {
  for (const auto& [name, app] : commands_) {
    ASSERT_TRUE(sections_.contains(name))
        << "docs/musterctl.md has no section \"### " << name << "\"";
    const std::set<std::string> told = FlagsIn(sections_[name]);
    for (const std::string& flag : FlagsOf(*app)) {
      EXPECT_TRUE(told.contains(flag))
          << "docs/musterctl.md, ### " << name << ": no word of --" << flag;
    }
  }
}

TEST_F(PageTest, NoSectionTellsOfACommandOrFlagThatIsNotThere) {
  const std::set<std::string> everywhere = FlagsOf(line_.root());
  for (const auto& [name, text] : sections_) {
    ASSERT_TRUE(commands_.contains(name)) << "docs/musterctl.md tells of a command " << name;
    const std::set<std::string> flags = FlagsOf(*commands_[name]);
    for (const std::string& flag : FlagsIn(text)) {
      EXPECT_TRUE(flags.contains(flag) || everywhere.contains(flag))
          << "docs/musterctl.md, ### " << name << ": there is no flag --" << flag;
    }
  }
}

}  // namespace
}  // namespace muster::ctl
