#include "agent/workload/pull_secrets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace muster::agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class PullSecretsTest : public testing::Test {
 protected:
  void Add(const std::string& name, const std::string& type, const std::string& key,
           const std::string& json) {
    pod_.mutable_spec()->add_image_pull_secrets()->set_name(name);
    v1::Secret& secret = secrets_[name];
    secret.set_type(type);
    (*secret.mutable_data())[key] = json;
  }
  void AddConfig(const std::string& name, const std::string& auths) {
    Add(name, "kubernetes.io/dockerconfigjson", ".dockerconfigjson", "{\"auths\":{" + auths + "}}");
  }
  std::vector<std::string> Users(const std::string& image) const {
    std::vector<std::string> users;
    for (const RegistryAuth& auth :
         CredentialsFor(pod_, image, [this](const std::string& name) -> const v1::Secret* {
           const auto found = secrets_.find(name);
           return found == secrets_.end() ? nullptr : &found->second;
         })) {
      users.push_back(auth.username);
    }
    return users;
  }
  v1::Pod pod_;
  std::map<std::string, v1::Secret> secrets_;
};

// Spec: pod/7/anonymous
TEST_F(PullSecretsTest, WithoutSecretsThereAreNone) { EXPECT_THAT(Users("busybox"), IsEmpty()); }

// Spec: pod/7/credentials
TEST_F(PullSecretsTest, EntriesMatchByHostPortAndPath) {
  const struct {
    const char* key;
    const char* image;
    bool matches;
  } cases[] = {
      {"registry.example.com", "registry.example.com/a/b:1", true},
      {"https://registry.example.com/v2/", "registry.example.com/a/b:1", true},
      {"registry.example.com/a", "registry.example.com/a/b:1", true},
      {"registry.example.com/c", "registry.example.com/a/b:1", false},
      {"registry.example.com:5000", "registry.example.com/a", false},
      {"registry.example.com:5000", "registry.example.com:5000/a", true},
      {"*.example.com", "registry.example.com/a", true},
      {"*.example.com", "a.registry.example.com/a", false},
      {"reg*.example.com", "registry.example.com/a", true},
      {"https://index.docker.io/v1/", "busybox", true},
      {"docker.io", "prom/node-exporter", true},
      {"example.com", "busybox", false},
  };
  for (const auto& c : cases) {
    pod_.Clear();
    AddConfig("s", std::string("\"") + c.key + "\":{\"username\":\"me\",\"password\":\"p\"}");
    EXPECT_EQ(Users(c.image).size(), c.matches ? 1u : 0u) << c.key << " for " << c.image;
  }
}

// Spec: pod/7/pull-secrets, pod/7/credentials
TEST_F(PullSecretsTest, LongerKeysComeFirstThenTheOrderOfTheSecrets) {
  AddConfig("one", "\"r.example.com\":{\"username\":\"a\"}");
  AddConfig("two",
            "\"r.example.com\":{\"username\":\"b\"},\"r.example.com/team\":{\"username\":\"c\"}");
  EXPECT_THAT(Users("r.example.com/team/app"), ElementsAre("c", "a", "b"));
}

// Spec: pod/7/pull-secrets
TEST_F(PullSecretsTest, OldFormatIsReadToo) {
  Add("old", "kubernetes.io/dockercfg", ".dockercfg",
      "{\"r.example.com\":{\"username\":\"me\",\"auth\":\"bWU6cA==\"}}");
  EXPECT_THAT(Users("r.example.com/app"), ElementsAre("me"));
}

// Spec: pod/4.1/pull-secrets
TEST_F(PullSecretsTest, WhatCannotBeReadLendsNothing) {
  pod_.mutable_spec()->add_image_pull_secrets()->set_name("missing");
  Add("broken", "kubernetes.io/dockerconfigjson", ".dockerconfigjson", "{\"auths\":");
  Add("list", "kubernetes.io/dockerconfigjson", ".dockerconfigjson", "[1]");
  Add("texts", "kubernetes.io/dockerconfigjson", ".dockerconfigjson", "{\"auths\":{\"a.b\":1}}");
  Add("opaque", "Opaque", ".dockerconfigjson", "{\"auths\":{\"a.b\":{\"username\":\"x\"}}}");
  AddConfig("good", "\"a.b\":{\"username\":\"me\"}");
  EXPECT_THAT(Users("a.b/app"), ElementsAre("me"));
}

}  // namespace
}  // namespace muster::agent
