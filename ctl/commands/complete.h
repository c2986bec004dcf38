#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/model/kinds.h"

namespace muster::ctl {

// What a shell may offer in place of the word that is being typed.
struct Completion {
  struct Candidate {
    std::string word;
    std::string description;  // Empty: none.
    bool operator==(const Candidate&) const = default;
  };
  std::vector<Candidate> candidates;
  bool files = false;  // The names of files, too.
};

// What was typed before that says where to look for objects.
struct CompletionScope {
  std::string server, config;
  std::string ns = "default";
};

// Names of the objects of a kind; empty when they cannot be had.
using ListNames = std::function<std::vector<std::string>(const model::KindInfo& kind,
                                                         const CompletionScope& scope)>;

// `words` are those after the program's name, the last one being the one that is typed, maybe
// empty. Commands and flags are those of the command line itself.
Completion Complete(const CLI::App& root, const std::vector<std::string>& words,
                    const ListNames& names);

// "WORD<tab>DESCRIPTION" lines, and ":files" when file names are wanted: what the scripts in
// packaging/completion read.
std::string CompletionText(const Completion& completion);

}  // namespace muster::ctl
