// The words of denials, and what an admin, an operator and a viewer may, case by case.
#include "coordinator/authz/authorize.h"

#include <algorithm>
#include <string>
#include <vector>

#include "common/model/kinds.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "muster/admin/v1/admin.pb.h"

namespace muster::coordinator {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Identity Person(Role role, std::set<std::string> namespaces = {}, std::set<Right> rights = {}) {
  Identity identity;
  identity.name = "x";
  identity.role = role;
  identity.namespaces = std::move(namespaces);
  identity.rights = std::move(rights);
  return identity;
}

std::string DenialOf(const Identity& identity, const Access& access) {
  const absl::Status status = Authorize(identity, access);
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  return std::string(status.message());
}

bool May(const Identity& identity, const Access& access) {
  return Authorize(identity, access).ok();
}

TEST(Authorize, SaysWhatIsMissingAsKubernetesDoes) {
  const Identity viewer = Person(Role::kViewer);
  EXPECT_EQ(
      DenialOf(viewer, AccessTo("list", "secrets", "y", "")),
      "secrets is forbidden: User \"x\" cannot list resource \"secrets\" in API group \"\" in "
      "the namespace \"y\"");
  EXPECT_EQ(DenialOf(viewer, AccessTo("patch", "ds", "y", "web")),
            "daemonsets.apps \"web\" is forbidden: User \"x\" cannot patch resource \"daemonsets\" "
            "in API group \"apps\" in the namespace \"y\"");
  EXPECT_EQ(DenialOf(viewer, AccessTo("delete", "node", "ignored", "n1")),
            "nodes \"n1\" is forbidden: User \"x\" cannot delete resource \"nodes\" in API group "
            "\"\" at the cluster scope");
}

TEST(Authorize, NamesTheRightThatWouldHelp) {
  EXPECT_EQ(DenialOf(Person(Role::kOperator), AccessTo("create", "pods/exec", "y", "web")),
            "pods \"web\" is forbidden: User \"x\" cannot create resource \"pods/exec\" in API "
            "group \"\" in the namespace \"y\": the right \"exec\" is missing");
  // In another namespace the right is not what is missing.
  EXPECT_THAT(DenialOf(Person(Role::kViewer, {"mine"}, {Right::kExec}),
                       AccessTo("create", "pods/exec", "y", "web")),
              ::testing::EndsWith("in the namespace \"y\""));
}

TEST(Authorize, RightsAreEachByThemselves) {
  const std::pair<Right, const char*> rights[] = {{Right::kExec, "pods/exec"},
                                                  {Right::kAttach, "pods/attach"},
                                                  {Right::kPortForward, "pods/portforward"},
                                                  {Right::kCopy, "pods/cp"}};
  for (const auto& given : rights) {
    for (const Role role : {Role::kViewer, Role::kOperator}) {
      const Identity identity = Person(role, {}, {given.first});
      for (const auto& asked : rights) {
        // Who may run anything may run what copies.
        const bool has_it = asked.first == given.first ||
                            (given.first == Right::kExec && asked.first == Right::kCopy);
        EXPECT_EQ(May(identity, AccessTo("create", asked.second, "y", "p")), has_it)
            << NameOf(given.first) << " for " << asked.second;
      }
    }
    EXPECT_TRUE(May(Person(Role::kAdmin), AccessTo("create", given.second, "y", "p")));
    EXPECT_TRUE(May(Person(Role::kAdmin, {"y"}), AccessTo("create", given.second, "y", "p")));
    EXPECT_FALSE(May(Person(Role::kAdmin, {"y"}), AccessTo("create", given.second, "z", "p")));
  }
}

TEST(Authorize, AnyNameOfAResourceIsThatResource) {
  const Identity viewer = Person(Role::kViewer);
  for (const char* word : {"secret", "secrets", "Secrets", "SECRET", "secrets."}) {
    EXPECT_FALSE(May(viewer, AccessTo("get", word, "y", "s"))) << word;
  }
  EXPECT_FALSE(May(viewer, AccessTo("get", "nothing-of-the-kind", "y", "s")));
  EXPECT_FALSE(May(viewer, AccessTo("get", "", "y", "s")));
  EXPECT_FALSE(May(viewer, AccessTo("", "pods", "y", "s")));
  EXPECT_FALSE(May(viewer, AccessTo("get list", "pods", "y", "s")));
  EXPECT_FALSE(May(viewer, AccessTo("get", "pods/nothing", "y", "s")));
  EXPECT_FALSE(May(viewer, AccessTo("get", "secrets/log", "y", "s")));
}

TEST(Authorize, EverythingIsForAdminsWithoutLimits) {
  EXPECT_TRUE(May(Person(Role::kAdmin), AccessTo("*", "*", "", "")));
  EXPECT_TRUE(May(Person(Role::kAdmin), AccessTo("*", "secrets", "y", "")));
  EXPECT_FALSE(May(Person(Role::kOperator), AccessTo("*", "pods/log", "y", "")));
  EXPECT_FALSE(May(Person(Role::kAdmin, {"y"}), AccessTo("*", "*", "y", "")));
  EXPECT_FALSE(May(Person(Role::kAdmin, {"y"}), AccessTo("create", "tokens", "", "")));
  EXPECT_FALSE(May(Person(Role::kAdmin, {"y"}), AccessTo("create", "users", "y", "")));
}

TEST(Authorize, ANamespaceThatIsNotSaidIsTheDefaultOne) {
  admin::v1::GetRequest get;
  get.mutable_ref()->set_resource("pods");
  EXPECT_TRUE(Authorize(Person(Role::kViewer, {"default"}), "Get", get).ok());
  EXPECT_FALSE(Authorize(Person(Role::kViewer, {"other"}), "Get", get).ok());
  admin::v1::ListRequest list;
  list.set_resource("pods");
  list.set_namespace_("other");
  EXPECT_TRUE(Authorize(Person(Role::kViewer, {"other"}), "List", list).ok());
  // All of them, whatever else is said.
  list.set_all_namespaces(true);
  EXPECT_FALSE(Authorize(Person(Role::kViewer, {"other"}), "List", list).ok());
  EXPECT_TRUE(Authorize(Person(Role::kViewer), "List", list).ok());
}

TEST(Authorize, OneObjectThatIsForbiddenIsEnough) {
  admin::v1::ApplyRequest apply;
  model::MutableMetadataOf(*apply.add_objects() =
                               model::NewObject(*model::FindKind(model::Kind::kDaemonSet)))
      .set_name("web");
  EXPECT_TRUE(Authorize(Person(Role::kOperator), "Apply", apply).ok());
  model::MutableMetadataOf(*apply.add_objects() =
                               model::NewObject(*model::FindKind(model::Kind::kSecret)))
      .set_name("key");
  EXPECT_THAT(std::string(Authorize(Person(Role::kOperator), "Apply", apply).message()),
              HasSubstr("secrets \"key\" is forbidden: User \"x\" cannot patch"));
  apply.set_create_only(true);
  EXPECT_THAT(std::string(Authorize(Person(Role::kOperator), "Apply", apply).message()),
              HasSubstr("cannot create"));
  apply.add_objects();  // Nothing in it.
  EXPECT_FALSE(Authorize(Person(Role::kAdmin, {"default"}), "Apply", apply).ok());
}

TEST(Authorize, ARequestThatNamesNothingIsAboutEverything) {
  EXPECT_FALSE(Authorize(Person(Role::kViewer), "Get", admin::v1::GetRequest()).ok());
  EXPECT_FALSE(Authorize(Person(Role::kAdmin, {"a"}), "Exec", admin::v1::ExecInput()).ok());
  EXPECT_TRUE(Authorize(Person(Role::kAdmin), "Get", admin::v1::GetRequest()).ok());
}

TEST(Authorize, AnRpcWithoutARuleIsForNobody) {
  const absl::Status status =
      Authorize(Person(Role::kAdmin), "Explode", admin::v1::GetVersionRequest());
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(status.message()), HasSubstr("Explode"));
}

// The right to copy is one to a few commands, word for word.
TEST(Authorize, CopyingIsAnExecOfWhatCopies) {
  struct Row {
    std::vector<std::string> command;
    bool copies;
  };
  const Row rows[] = {
      {{"tar", "cf", "-", "/etc"}, true},
      {{"tar", "cf", "-", "etc/passwd"}, true},
      {{"test", "-d", "/tmp"}, true},
      {{"tar", "-xmf", "-"}, true},
      {{"tar", "-xmf", "-", "-C", "/tmp"}, true},
      {{"tar", "--no-same-permissions", "--no-same-owner", "-xmf", "-", "-C", "/tmp"}, true},
      {{}, false},
      {{"sh"}, false},
      {{"/tmp/tar", "cf", "-", "/etc"}, false},
      {{"tar", "cf", "-"}, false},
      {{"tar", "cf", "-", ""}, false},
      {{"tar", "cf", "-", "/etc", "/root"}, false},
      {{"tar", "cf", "-", "--checkpoint-action=exec=sh"}, false},
      {{"tar", "cf", "/tmp/x", "/etc"}, false},
      {{"tar", "-xmf", "-", "-C", "--to-command=sh"}, false},
      {{"tar", "-xmf", "-", "--to-command=sh"}, false},
      {{"tar", "-xmf", "/tmp/x"}, false},
      {{"tar", "--no-same-owner", "-xmf", "-"}, false},
      {{"test", "-d", "-o"}, false},
      {{"test", "-d", "/tmp", "-o"}, false},
  };
  for (const Row& row : rows) {
    admin::v1::ExecInput input;
    input.mutable_start()->set_namespace_("y");
    input.mutable_start()->set_pod("web");
    for (const std::string& word : row.command) input.mutable_start()->add_command(word);
    const auto may = [&](Right right) {
      return Authorize(Person(Role::kViewer, {"y"}, {right}), "Exec", input).ok();
    };
    const std::string what = row.command.empty() ? "" : row.command.back();
    EXPECT_EQ(may(Right::kCopy), row.copies) << what;
    EXPECT_TRUE(may(Right::kExec)) << what;
    EXPECT_FALSE(may(Right::kAttach)) << what;
  }
}

TEST(AllAllowed, ListsWhatTheRoleMayHere) {
  const auto resources = [](const Identity& identity, const char* ns) {
    std::vector<std::string> names;
    for (const Allowed& allowed : AllAllowed(identity, ns)) names.push_back(allowed.resource);
    return names;
  };
  const std::vector<std::string> limited =
      resources(Person(Role::kViewer, {"y"}, {Right::kExec}), "y");
  EXPECT_THAT(limited, ElementsAre("configmaps", "controllerrevisions.apps",
                                   "daemonjobs.muster.dev", "daemonsets.apps", "endpoints",
                                   "endpointslices.discovery.k8s.io", "events", "pods", "pods/cp",
                                   "pods/exec", "pods/log", "serviceaccounts", "services"));
  EXPECT_THAT(resources(Person(Role::kViewer, {"y"}), "z"), ElementsAre());
  const std::vector<std::string> all = resources(Person(Role::kAdmin), "y");
  for (const char* name : {"secrets", "tokens", "users", "nodes", "pods/cp"}) {
    EXPECT_THAT(all, ::testing::Contains(name));
  }
}

// What is listed is what is allowed, verb by verb.
TEST(AllAllowed, AgreesWithAuthorize) {
  for (const Identity& identity :
       {Person(Role::kViewer), Person(Role::kOperator, {"y"}, {Right::kCopy}), Person(Role::kAdmin),
        Person(Role::kAdmin, {"y"})}) {
    for (const Allowed& allowed : AllAllowed(identity, "y")) {
      for (const std::string& verb : allowed.verbs) {
        EXPECT_TRUE(May(identity, AccessTo(verb, allowed.resource, "y", "")))
            << NameOf(identity.role) << " " << verb << " " << allowed.resource;
      }
    }
  }
}

TEST(Names, ReadAsTheyAreWritten) {
  for (const Role role : {Role::kViewer, Role::kOperator, Role::kAdmin}) {
    EXPECT_EQ(RoleNamed(NameOf(role)), role);
  }
  for (const Right right : {Right::kExec, Right::kAttach, Right::kPortForward, Right::kCopy}) {
    EXPECT_EQ(RightNamed(NameOf(right)), right);
  }
  EXPECT_FALSE(RoleNamed("root"));
  EXPECT_FALSE(RoleNamed(""));
  EXPECT_FALSE(RightNamed("portforward"));
}

}  // namespace
}  // namespace muster::coordinator
