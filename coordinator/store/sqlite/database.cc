#include "coordinator/store/sqlite/database.h"

#include <sqlite3.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"

namespace muster::coordinator {
namespace {

bool IsNoSpace(int error_number) {
  return error_number == ENOSPC || error_number == EDQUOT || error_number == EFBIG;
}

// `result` is an extended code. `last_errno` is errno right after the failure: SQLite itself does
// not remember it when a COMMIT fails.
absl::Status StatusOf(sqlite3* connection, int result, int last_errno = 0) {
  std::string text = sqlite3_errmsg(connection);
  int error_number = sqlite3_system_errno(connection);
  if (error_number == 0) error_number = last_errno;
  const bool from_system = (result & 0xff) == SQLITE_IOERR || (result & 0xff) == SQLITE_CANTOPEN;
  if (from_system && error_number != 0) absl::StrAppend(&text, ": ", std::strerror(error_number));
  absl::StrAppend(&text, " (SQLite code ", result, ")");
  switch (result & 0xff) {
    case SQLITE_FULL:
    case SQLITE_NOMEM:
      return absl::ResourceExhaustedError(text);
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
      return IsNoSpace(error_number) ? absl::ResourceExhaustedError(text)
                                     : absl::UnavailableError(text);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::UnavailableError(text);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::DataLossError(text);
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return absl::PermissionDeniedError(text);
    case SQLITE_TOOBIG:
      return absl::InvalidArgumentError(text);
    default:
      return absl::InternalError(text);
  }
}

}  // namespace

void Statement::Finalizer::operator()(sqlite3_stmt* statement) const {
  // Its result repeats the failure of the last step, which was told then.
  (void)sqlite3_finalize(statement);
}

Statement& Statement::BindBytes(int parameter, std::string_view value) {
  // A null pointer would bind NULL instead of no bytes.
  const char* data = value.empty() ? "" : value.data();
  const int result =
      sqlite3_bind_blob64(statement_.get(), parameter, data, value.size(), SQLITE_TRANSIENT);
  if (bind_result_ == SQLITE_OK) bind_result_ = result;
  return *this;
}

Statement& Statement::BindNumber(int parameter, int64_t value) {
  const int result = sqlite3_bind_int64(statement_.get(), parameter, value);
  if (bind_result_ == SQLITE_OK) bind_result_ = result;
  return *this;
}

Statement& Statement::BindNull(int parameter) {
  const int result = sqlite3_bind_null(statement_.get(), parameter);
  if (bind_result_ == SQLITE_OK) bind_result_ = result;
  return *this;
}

absl::StatusOr<bool> Statement::Step() {
  errno = 0;
  const int result = bind_result_ == SQLITE_OK ? sqlite3_step(statement_.get()) : bind_result_;
  const int last_errno = errno;
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) {
    Reset();
    return false;
  }
  sqlite3* connection = sqlite3_db_handle(statement_.get());
  absl::Status status = StatusOf(connection, sqlite3_extended_errcode(connection), last_errno);
  Reset();
  return status;
}

absl::Status Statement::Run() {
  absl::StatusOr<bool> row = Step();
  if (!row.ok()) return row.status();
  Reset();
  return absl::OkStatus();
}

void Statement::Reset() {
  (void)sqlite3_reset(statement_.get());  // Repeats the failure of the last step.
  sqlite3_clear_bindings(statement_.get());
  bind_result_ = SQLITE_OK;
}

bool Statement::IsNull(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

std::string Statement::Bytes(int column) const {
  const void* data = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return size == 0 ? std::string()
                   : std::string(static_cast<const char*>(data), static_cast<size_t>(size));
}

int64_t Statement::Number(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

void Database::Closer::operator()(sqlite3* connection) const {
  // v2: statements still alive keep the connection until they are gone.
  (void)sqlite3_close_v2(connection);
}

absl::StatusOr<Database> Database::Open(const std::string& path) {
  sqlite3* connection = nullptr;
  const int result = sqlite3_open_v2(path.c_str(), &connection,
                                     SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  Database database;
  database.connection_.reset(connection);
  if (connection == nullptr) return absl::ResourceExhaustedError("no memory for a connection");
  sqlite3_extended_result_codes(connection, 1);
  if (result != SQLITE_OK) return StatusOf(connection, sqlite3_extended_errcode(connection));
  sqlite3_busy_timeout(connection, 5000);
  return database;
}

absl::StatusOr<Statement> Database::Prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int result = sqlite3_prepare_v3(connection_.get(), sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (result != SQLITE_OK) return StatusOf(connection_.get(), result);
  return Statement(statement);
}

absl::Status Database::Execute(const std::string& sql) {
  errno = 0;
  const int result = sqlite3_exec(connection_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  const int last_errno = errno;
  if (result != SQLITE_OK) return StatusOf(connection_.get(), result, last_errno);
  return absl::OkStatus();
}

absl::StatusOr<int64_t> Database::QueryNumber(std::string_view sql) {
  MUSTER_ASSIGN_OR_RETURN(Statement statement, Prepare(sql));
  MUSTER_ASSIGN_OR_RETURN(const bool row, statement.Step());
  if (!row) return absl::DataLossError(absl::StrCat("no answer to ", std::string(sql)));
  return statement.Number(0);
}

absl::StatusOr<std::string> Database::QueryText(std::string_view sql) {
  MUSTER_ASSIGN_OR_RETURN(Statement statement, Prepare(sql));
  MUSTER_ASSIGN_OR_RETURN(const bool row, statement.Step());
  if (!row) return absl::DataLossError(absl::StrCat("no answer to ", std::string(sql)));
  return statement.Bytes(0);
}

void Database::Rollback() {
  if (sqlite3_get_autocommit(connection_.get()) != 0) return;
  // Fails only when SQLite has rolled back by itself, which is as good.
  (void)sqlite3_exec(connection_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
}

}  // namespace muster::coordinator
