#include "common/model/canonical_text.h"

#include <set>

#include "google/protobuf/descriptor.h"
#include "gtest/gtest.h"
#include "muster/v1/object.pb.h"

namespace muster::model {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

TEST(CanonicalText, HasOnlyWhatIsSetSortedByName) {
  v1::Container container;
  EXPECT_EQ(CanonicalText(container), "{}");
  container.set_name("a");
  container.set_image("b");
  container.add_args("x");
  container.add_args("y");
  container.set_tty(true);
  (*container.mutable_resources()->mutable_limits())["memory"].set_text("1Gi");
  (*container.mutable_resources()->mutable_limits())["cpu"].set_text("1000m");
  container.add_ports()->set_container_port(80);
  container.mutable_liveness_probe()->mutable_http_get()->mutable_port()->set_string_value("web");
  container.mutable_readiness_probe()->mutable_http_get()->mutable_port()->set_int_value(0);
  container.mutable_security_context()->set_run_as_user(0);
  EXPECT_EQ(CanonicalText(container),
            R"({"args":["x","y"],"image":"b","livenessProbe":{"httpGet":{"port":"web"}},)"
            R"("name":"a","ports":[{"containerPort":80}],)"
            R"("readinessProbe":{"httpGet":{"port":0}},)"
            R"("resources":{"limits":{"cpu":"1","memory":"1073741824"}},)"
            R"("securityContext":{"runAsUser":0},"tty":true})");
}

TEST(CanonicalText, EscapesWhatJsonCannotHold) {
  v1::EnvVar variable;
  variable.set_value("a\"b\\c\n\x01\xc3\xa4");
  EXPECT_EQ(CanonicalText(variable), "{\"value\":\"a\\\"b\\\\c\\u000a\\u0001\xc3\xa4\"}");
}

TEST(CanonicalText, PrintsBytesAsBase64AndRawJsonAsItIs) {
  v1::Secret secret;
  (*secret.mutable_data())["k"] = std::string("\0\xff", 2);
  EXPECT_EQ(CanonicalText(secret), R"({"data":{"k":"AP8="}})");
  v1::ControllerRevision revision;
  revision.mutable_data()->set_json(R"({"a":1})");
  EXPECT_EQ(CanonicalText(revision), R"({"data":{"a":1}})");
}

TEST(CanonicalText, KeepsWhatIsNoQuantity) {
  v1::Quantity quantity;
  quantity.set_text("much");
  EXPECT_EQ(CanonicalText(quantity), "\"much\"");
}

void CollectTypes(const Descriptor* type, std::set<const Descriptor*>& seen) {
  if (!seen.insert(type).second) return;
  for (int i = 0; i < type->field_count(); ++i) {
    if (const Descriptor* inner = type->field(i)->message_type()) CollectTypes(inner, seen);
  }
}

TEST(CanonicalText, KnowsEveryTypeOfTheObjectModel) {
  std::set<const Descriptor*> types;
  CollectTypes(v1::Object::descriptor(), types);
  EXPECT_GT(types.size(), 100u);
  for (const Descriptor* type : types) {
    for (int i = 0; i < type->field_count(); ++i) {
      const FieldDescriptor* field = type->field(i);
      const FieldDescriptor::CppType cpp = field->cpp_type();
      EXPECT_TRUE(cpp == FieldDescriptor::CPPTYPE_STRING ||
                  cpp == FieldDescriptor::CPPTYPE_MESSAGE || cpp == FieldDescriptor::CPPTYPE_BOOL ||
                  cpp == FieldDescriptor::CPPTYPE_INT32 || cpp == FieldDescriptor::CPPTYPE_INT64)
          << field->full_name();
      if (field->is_map()) {
        EXPECT_EQ(field->message_type()->map_key()->cpp_type(), FieldDescriptor::CPPTYPE_STRING)
            << field->full_name();
      }
    }
  }
}

}  // namespace
}  // namespace muster::model
