#include "ctl/commands/describe.h"

#include <memory>

#include "ctl/commands/command_line.h"

namespace muster::ctl {

int RunDescribe(Context& context, const std::vector<std::string>& arguments,
                const std::string& selector) {
  const auto targets = ParseTargets(arguments);
  if (!targets.ok()) return FailLocally(context, std::string(targets.status().message()));
  const auto client = context.client();
  if (!client.ok()) return Fail(context, client.status());
  std::vector<admin::v1::ObjectRef> refs;
  for (const Targets::Target& target : targets->list) {
    if (!target.name.empty()) {
      refs.push_back(RefOf(context, target));
      continue;
    }
    admin::v1::ListRequest request;
    request.set_resource(std::string(target.kind->plural));
    request.set_namespace_(NamespaceFor(context, *target.kind));
    request.set_all_namespaces(context.all_namespaces && target.kind->namespaced);
    request.set_label_selector(selector);
    const auto list = (*client)->List(request);
    if (!list.ok()) return Fail(context, list.status());
    for (const v1::Object& object : list->objects()) {
      admin::v1::ObjectRef ref = RefOf(context, target);
      ref.set_namespace_(model::MetadataOf(object).namespace_());
      ref.set_name(model::MetadataOf(object).name());
      refs.push_back(ref);
    }
  }
  if (refs.empty()) {
    context.err << "No resources found in " << context.ns << " namespace.\n";
    return kExitDone;
  }
  int exit_code = kExitDone;
  bool first = true;
  for (const admin::v1::ObjectRef& ref : refs) {
    admin::v1::DescribeRequest request;
    *request.mutable_ref() = ref;
    const auto response = (*client)->Describe(request);
    if (!response.ok()) {
      exit_code = Fail(context, response.status());
      continue;
    }
    if (!first) context.out << "\n\n";
    first = false;
    context.out << response->text();
  }
  return exit_code;
}

void AddDescribe(CommandLine& line) {
  const auto arguments = std::make_shared<std::vector<std::string>>();
  const auto selector = std::make_shared<std::string>();
  CLI::App& app = line.Add("describe", "Show everything about objects, with their events",
                           [arguments, selector] {
                             return [arguments, selector](Context& context) {
                               return RunDescribe(context, *arguments, *selector);
                             };
                           });
  app.add_option("resource", *arguments, "KIND [NAME...] or KIND/NAME...");
  line.AddAllNamespaces(app);
  app.add_option("-l,--selector", *selector, "Only with these labels");
}

}  // namespace muster::ctl
