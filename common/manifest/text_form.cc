#include "common/manifest/text_form.h"

#include "muster/v1/meta.pb.h"

namespace muster::manifest {

TextForm FormOf(const google::protobuf::Descriptor& type) {
  if (&type == v1::Time::descriptor()) return TextForm::kTime;
  if (&type == v1::MicroTime::descriptor()) return TextForm::kMicroTime;
  if (&type == v1::IntOrString::descriptor()) return TextForm::kIntOrString;
  if (&type == v1::Quantity::descriptor()) return TextForm::kQuantity;
  if (&type == v1::RawJson::descriptor()) return TextForm::kRawJson;
  return TextForm::kMessage;
}

}  // namespace muster::manifest
