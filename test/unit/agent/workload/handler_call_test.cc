#include "agent/workload/handler_call.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "google/protobuf/text_format.h"

namespace muster::agent {
namespace {

template <typename Message>
Message Parse(const std::string& text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message;
}

v1::Container Web() {
  return Parse<v1::Container>(
      R"(name: "web" ports { name: "http" container_port: 8080 } ports { container_port: 9 })");
}

absl::StatusOr<HandlerCall> Probe(const std::string& text, const std::string& ip = "10.1.0.7") {
  return CallOfProbe(Parse<v1::Probe>(text), Web(), ip);
}

HttpCall Http(const std::string& text, const std::string& ip = "10.1.0.7") {
  const absl::StatusOr<HandlerCall> call = Probe("http_get {" + text + "}", ip);
  EXPECT_TRUE(call.ok()) << call.status();
  return call.ok() ? std::get<HttpCall>(*call) : HttpCall();
}

using Headers = std::vector<std::pair<std::string, std::string>>;

// Spec 8: handlers.
// Spec: pod/8/exec
TEST(HandlerCall, ExecIsTakenAsItIs) {
  EXPECT_EQ(*Probe("exec { command: 'sh' command: '$(A)' }"),
            HandlerCall(ExecCall{{"sh", "$(A)"}}));
}

// Spec 8: named ports resolve against the container; a numeric string is a number; 1..65535.
// Spec: pod/8/ports
TEST(HandlerCall, PortsAreNumbersNumericTextsOrNames) {
  struct Row {
    const char* port;
    int number;
  };
  for (const Row& row : {Row{"int_value: 80", 80},
                         {"string_value: \"81\"", 81},
                         {"string_value: \"http\"", 8080},
                         {"int_value: 65535", 65535}}) {
    const auto call = Probe(std::string("tcp_socket { port {") + row.port + "} }");
    ASSERT_TRUE(call.ok()) << row.port << call.status();
    EXPECT_EQ(*call, HandlerCall(TcpCall{"10.1.0.7", row.number}));
  }
  for (const char* bad : {"int_value: 0", "int_value: 65536", "int_value: -1",
                          "string_value: \"0\"", "string_value: \"grpc\"", ""}) {
    const auto call = Probe(std::string("tcp_socket { port {") + bad + "} }");
    EXPECT_FALSE(call.ok()) << bad;
    // It says nothing about the container, so it must not count against it.
    EXPECT_FALSE(absl::IsInvalidArgument(call.status())) << bad;
  }
}

// Spec: pod/8/http-host
TEST(HandlerCall, HostDefaultsToThePod) {
  EXPECT_EQ(Http("port { int_value: 80 }").host, "10.1.0.7");
  EXPECT_EQ(Http("port { int_value: 80 } host: \"127.0.0.1\"").host, "127.0.0.1");
  EXPECT_EQ(*Probe("grpc { port: 5 service: \"s\" }", "fd00::7"),
            HandlerCall(GrpcCall{"fd00::7", 5, "s"}));
}

// Spec 8: headers of httpGet.
// Spec: pod/8/http
TEST(HandlerCall, HeadersAreCompletedUnlessGiven) {
  EXPECT_EQ(
      Http("port { int_value: 80 }").headers,
      (Headers{{"Host", "10.1.0.7:80"}, {"User-Agent", "kube-probe/1.31"}, {"Accept", "*/*"}}));
  EXPECT_EQ(Http("port { int_value: 80 }", "fd00::7").headers[0].second, "[fd00::7]:80");
  EXPECT_EQ(Http(R"(port { int_value: 80 }
                    http_headers { name: "user-agent" value: "" }
                    http_headers { name: "ACCEPT" value: "" }
                    http_headers { name: "host" value: "web.example" }
                    http_headers { name: "X-A" value: "1" }
                    http_headers { name: "X-A" value: "2" })")
                .headers,
            (Headers{{"Host", "web.example"}, {"X-A", "1"}, {"X-A", "2"}}));
}

// A header must not become two, nor a path a header.
TEST(HandlerCall, NothingCanBeSmuggledIntoTheRequest) {
  for (const char* header : {R"(name: "X" value: "a\r\nY: b")", R"(name: "X: y" value: "b")",
                             R"(name: "" value: "b")", R"(name: "X\n" value: "b")"}) {
    const auto call =
        Probe(std::string("http_get { port { int_value: 80 } http_headers {") + header + "} }");
    EXPECT_TRUE(absl::IsInvalidArgument(call.status())) << header;
  }
  struct Row {
    const char *path, *target;
  };
  for (const Row& row : {Row{"", "/"},
                         {"/healthz?a=b&c", "/healthz?a=b&c"},
                         {"x", "/x"},
                         {"/a b", "/a%20b"},
                         {"/a\\r\\nHost: x", "/a%0D%0AHost:%20x"},
                         {"/100%", "/100%25"},
                         {"/%2F", "/%2F"},
                         {"/a#frag", "/a"},
                         {"/\\303\\244", "/%C3%A4"}}) {
    EXPECT_EQ(Http(std::string("port { int_value: 80 } path: \"") + row.path + "\"").target,
              row.target)
        << row.path;
  }
}

// Spec 9: handlers of hooks.
// Spec: pod/9/handlers
TEST(HandlerCall, HooksAreExecHttpAndSleep) {
  const auto hook = [](const std::string& text) {
    return CallOfHook(Parse<v1::LifecycleHandler>(text), Web(), "10.1.0.7");
  };
  EXPECT_EQ(*hook("sleep { seconds: 3 }"), HandlerCall(SleepCall{std::chrono::seconds(3)}));
  EXPECT_EQ(*hook("exec { command: \"x\" }"), HandlerCall(ExecCall{{"x"}}));
  const auto http = hook("http_get { port { string_value: \"http\" } scheme: \"HTTPS\" }");
  ASSERT_TRUE(http.ok());
  EXPECT_TRUE(std::get<HttpCall>(*http).any_status);
  EXPECT_TRUE(std::get<HttpCall>(*http).tls);
  EXPECT_EQ(std::get<HttpCall>(*http).headers[1].second, "kube-lifecycle/1.31");
  EXPECT_TRUE(absl::IsUnimplemented(hook("tcp_socket { port { int_value: 1 } }").status()));
}

}  // namespace
}  // namespace muster::agent
