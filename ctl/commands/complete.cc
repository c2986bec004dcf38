#include "ctl/commands/complete.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"

namespace muster::ctl {
namespace {

// What the words before the typed one mean.
struct Reading {
  const CLI::App* command = nullptr;
  std::string name;                      // "rollout status"
  const CLI::Option* pending = nullptr;  // Waits for its value.
  std::vector<std::string> arguments;
  CompletionScope scope;
  bool options_ended = false;
};

const CLI::App* FindCommand(const CLI::App& app, const std::string& name) {
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (command->get_name() == name) return command;
  }
  return nullptr;
}

bool TakesValue(const CLI::Option& option) {
  return option.get_items_expected_max() > 0 && option.get_expected_min() > 0;
}

const CLI::Option* FindOption(const Reading& reading, const CLI::App& root,
                              const std::string& name) {
  for (const CLI::App* app : {reading.command, &root}) {
    for (const CLI::Option* option : app->get_options()) {
      if (option->check_name(name)) return option;
    }
  }
  return nullptr;
}

bool Is(const CLI::Option* option, const char* name) {
  return option != nullptr && option->check_name(name);
}

void TakeValue(const CLI::Option* option, const std::string& value, Reading& reading) {
  if (Is(option, "--server")) reading.scope.server = value;
  if (Is(option, "--config")) reading.scope.config = value;
  if (Is(option, "--namespace")) reading.scope.ns = value;
}

Reading Read(const CLI::App& root, const std::vector<std::string>& words) {
  Reading reading;
  reading.command = &root;
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    const std::string& word = words[i];
    if (reading.pending != nullptr) {
      TakeValue(reading.pending, word, reading);
      reading.pending = nullptr;
    } else if (!reading.options_ended && word == "--") {
      reading.options_ended = true;
    } else if (!reading.options_ended && word.size() > 1 && word[0] == '-') {
      const size_t equals = word.find('=');
      const CLI::Option* option = FindOption(reading, root, word.substr(0, equals));
      if (option == nullptr || !TakesValue(*option)) continue;
      if (equals == std::string::npos) {
        reading.pending = option;
      } else {
        TakeValue(option, word.substr(equals + 1), reading);
      }
    } else if (const CLI::App* command =
                   reading.arguments.empty() ? FindCommand(*reading.command, word) : nullptr) {
      reading.command = command;
      absl::StrAppend(&reading.name, reading.name.empty() ? "" : " ", word);
    } else {
      reading.arguments.push_back(word);
    }
  }
  return reading;
}

class Answer {
 public:
  Answer(std::string_view prefix, const ListNames& names, const Reading& reading)
      : prefix_(prefix), names_(names), reading_(reading) {}

  void Add(const std::string& word, const std::string& description = "") {
    if (word.starts_with(prefix_)) completion_.candidates.push_back({word, description});
  }
  void AddFiles() { completion_.files = true; }
  void AddNames(std::string_view resource, const std::string& before = "") {
    const model::KindInfo* kind = model::FindResource(resource);
    if (kind == nullptr) return;
    for (const std::string& name : names_(*kind, reading_.scope)) {
      const bool given = std::ranges::find(reading_.arguments, name) != reading_.arguments.end();
      if (!given) Add(before + name);
    }
  }
  void AddKinds(const std::string& after = "") {
    for (const model::KindInfo& kind : model::AllKinds()) {
      Add(absl::StrCat(std::string(kind.plural), after), std::string(kind.name));
    }
  }
  // KIND/NAME of one of these kinds: the names once the kind is there.
  void AddSlashForms(const std::vector<std::string>& kinds) {
    const size_t slash = prefix_.find('/');
    if (slash != std::string_view::npos) {
      const std::string kind(prefix_.substr(0, slash));
      return AddNames(kind, kind + "/");
    }
    for (const std::string& kind : kinds) AddNames(kind, kind + "/");
  }
  Completion Take() { return std::move(completion_); }

 private:
  const std::string_view prefix_;
  const ListNames& names_;
  const Reading& reading_;
  Completion completion_;
};

void AddFlags(const Reading& reading, const CLI::App& root, Answer& answer) {
  for (const CLI::App* app : {reading.command, &root}) {
    for (const CLI::Option* option : app->get_options()) {
      for (const std::string& name : option->get_lnames()) {
        answer.Add("--" + name, option->get_description());
      }
    }
    if (app == &root) break;
  }
}

void AddValues(const CLI::Option* option, const std::string& command, Answer& answer) {
  if (Is(option, "--namespace")) return answer.AddNames("namespaces");
  if (Is(option, "--node")) return answer.AddNames("nodes");
  if (Is(option, "--filename")) return answer.AddFiles();
  if (Is(option, "--dry-run")) {
    for (const char* value : {"none", "client", "server"}) answer.Add(value);
  }
  if (Is(option, "--sort-by") && command.starts_with("top ")) {
    for (const char* value : {"cpu", "memory"}) answer.Add(value);
  }
  if (Is(option, "--cascade")) {
    for (const char* value : {"background", "foreground", "orphan"}) answer.Add(value);
  }
  if (Is(option, "--output")) {
    for (const char* value : {"json", "yaml", "name", "wide", "jsonpath=", "custom-columns="}) {
      answer.Add(value);
    }
  }
}

void AddArguments(const Reading& reading, std::string_view typed, Answer& answer) {
  const std::string& name = reading.name;
  const auto& arguments = reading.arguments;
  if (name.starts_with("rollout ") || name == "set image") return answer.AddSlashForms({"ds"});
  if (name == "cordon" || name == "uncordon" || name == "drain") return answer.AddNames("nodes");
  if (name == "why") return answer.AddSlashForms({"ds", "pod", "dj"});
  if (name == "logs" || name == "exec" || name == "attach" || name == "port-forward") {
    if (!arguments.empty()) return;
    answer.AddNames("pods");
    return answer.AddSlashForms({"ds"});
  }
  if (name == "cp") {
    answer.AddNames("pods");
    return answer.AddFiles();
  }
  if (name == "top pods" || name == "top nodes") {
    if (arguments.empty()) answer.AddNames(name.substr(4));
    return;
  }
  if (name == "taint") {
    if (arguments.empty()) return answer.Add("nodes");
    return answer.AddNames("nodes");
  }
  const bool by_kind = name == "get" || name == "describe" || name == "delete" || name == "label" ||
                       name == "annotate" || name == "wait" || name == "edit";
  if (!by_kind) return;
  if (typed.find('/') != std::string_view::npos) return answer.AddSlashForms({});
  if (arguments.empty()) {
    if (name == "wait") return answer.AddKinds("/");
    return answer.AddKinds();
  }
  answer.AddNames(arguments.front());
}

}  // namespace

Completion Complete(const CLI::App& root, const std::vector<std::string>& words,
                    const ListNames& names) {
  const Reading reading = Read(root, words);
  std::string typed = words.empty() ? "" : words.back();
  if (reading.pending != nullptr) {
    Answer answer(typed, names, reading);
    AddValues(reading.pending, reading.name, answer);
    return answer.Take();
  }
  if (!reading.options_ended && typed.starts_with("-")) {
    const size_t equals = typed.find('=');
    const CLI::Option* option =
        equals == std::string::npos ? nullptr : FindOption(reading, root, typed.substr(0, equals));
    if (option != nullptr) {
      // The value alone; the word is put together again.
      const std::string value = typed.substr(equals + 1);
      Answer answer(value, names, reading);
      AddValues(option, reading.name, answer);
      Completion completion = answer.Take();
      for (auto& candidate : completion.candidates) {
        candidate.word.insert(0, typed.substr(0, equals + 1));
      }
      return completion;
    }
    Answer answer(typed, names, reading);
    AddFlags(reading, root, answer);
    return answer.Take();
  }
  Answer answer(typed, names, reading);
  const auto commands = reading.command->get_subcommands([](const CLI::App*) { return true; });
  for (const CLI::App* command : commands) {
    answer.Add(command->get_name(), command->get_description());
  }
  if (commands.empty()) AddArguments(reading, typed, answer);
  return answer.Take();
}

std::string CompletionText(const Completion& completion) {
  std::string text;
  for (const auto& [word, description] : completion.candidates) {
    absl::StrAppend(&text, word, description.empty() ? "" : "\t", description, "\n");
  }
  if (completion.files) absl::StrAppend(&text, ":files\n");
  return text;
}

}  // namespace muster::ctl
