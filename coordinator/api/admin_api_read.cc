#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "coordinator/api/admin_api.h"
#include "coordinator/api/object_query.h"
#include "coordinator/table/describe.h"
#include "coordinator/table/table.h"

namespace muster::coordinator {
namespace {

admin::v1::Table TableOf(model::Kind kind, absl::Span<const v1::Object> objects, bool wide,
                         WallTime now) {
  Table table = Render(kind, objects, wide, now);
  admin::v1::Table message;
  for (std::string& column : table.columns) message.add_columns()->set_name(std::move(column));
  for (Table::Row& row : table.rows) {
    admin::v1::Table::Row& out = *message.add_rows();
    for (std::string& cell : row.cells) out.add_cells(std::move(cell));
    out.set_namespace_(std::move(row.ns));
    out.set_name(std::move(row.name));
    out.mutable_labels()->insert(row.labels.begin(), row.labels.end());
  }
  return message;
}

// Where the events of an object are: with it, or in "default" when it has no namespace.
std::string EventNamespaceOf(const v1::Object& object) {
  const std::string& ns = model::MetadataOf(object).namespace_();
  return ns.empty() ? "default" : ns;
}

}  // namespace

absl::StatusOr<admin::v1::GetResponse> AdminApi::Get(const admin::v1::GetRequest& request) {
  MUSTER_ASSIGN_OR_RETURN(const ObjectName name, ObjectName::Parse(request.ref()));
  MUSTER_ASSIGN_OR_RETURN(v1::Object object, objects_.Get(name.info->kind, name.ns, name.name));
  admin::v1::GetResponse response;
  if (request.as_table()) {
    *response.mutable_table() =
        TableOf(name.info->kind, {&object, 1}, request.wide(), clock_.Wall());
  } else {
    *response.mutable_object() = std::move(object);
  }
  return response;
}

absl::StatusOr<admin::v1::ListResponse> AdminApi::List(const admin::v1::ListRequest& request) {
  MUSTER_ASSIGN_OR_RETURN(const ObjectQuery query, ObjectQuery::Parse(request));
  MUSTER_ASSIGN_OR_RETURN(ObjectList list, objects_.List(query.scope()));
  std::erase_if(list.items, [&](const v1::Object& object) { return !query.Matches(object); });
  SortByName(list.items);
  admin::v1::ListResponse response;
  response.set_revision(list.revision);
  if (request.as_table()) {
    *response.mutable_table() =
        TableOf(query.info().kind, list.items, request.wide(), clock_.Wall());
  }
  if (!request.as_table() || request.with_objects()) {
    for (v1::Object& object : list.items) *response.add_objects() = std::move(object);
  }
  return response;
}

absl::StatusOr<std::unique_ptr<WatchFeed>> AdminApi::Watch(const admin::v1::WatchRequest& request) {
  MUSTER_ASSIGN_OR_RETURN(ObjectQuery query, ObjectQuery::Parse(request.list()));
  return WatchFeed::Start(objects_, std::move(query), request.from_revision());
}

void AdminApi::Render(const admin::v1::ListRequest& request, admin::v1::WatchEvent& event) const {
  if (!request.as_table() || event.type() == admin::v1::WatchEvent::SYNCED) return;
  *event.mutable_table() =
      TableOf(event.object().object_case(), {&event.object(), 1}, request.wide(), clock_.Wall());
  event.clear_object();
}

absl::StatusOr<admin::v1::DescribeResponse> AdminApi::Describe(
    const admin::v1::DescribeRequest& request) {
  MUSTER_ASSIGN_OR_RETURN(const ObjectName name, ObjectName::Parse(request.ref()));
  MUSTER_ASSIGN_OR_RETURN(const v1::Object object,
                          objects_.Get(name.info->kind, name.ns, name.name));
  ObjectList pods;
  if (object.has_daemon_set() || object.has_node()) {
    MUSTER_ASSIGN_OR_RETURN(pods, objects_.List({v1::Object::kPod, name.ns}));
    SortByName(pods.items);
  }
  MUSTER_ASSIGN_OR_RETURN(const ObjectList events,
                          objects_.List({v1::Object::kEvent, EventNamespaceOf(object)}));
  admin::v1::DescribeResponse response;
  response.set_text(coordinator::Describe(object, {pods.items, events.items, clock_.Wall()}));
  return response;
}

}  // namespace muster::coordinator
