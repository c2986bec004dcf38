#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

struct sqlite3;
struct sqlite3_stmt;

namespace muster::coordinator {

// A prepared statement, used over and over. A resource; the thread rule is its database's.
// Parameters are numbered from 1, columns from 0, as SQLite does.
class Statement {
 public:
  // Not usable before it is assigned to by Database::Prepare.
  Statement() = default;

  Statement& BindBytes(int parameter, std::string_view value);
  Statement& BindNumber(int parameter, int64_t value);
  Statement& BindNull(int parameter);

  // True when there is a row to read, false at the end. After the end, or an error, it may be
  // bound and stepped again.
  absl::StatusOr<bool> Step();
  // For statements without rows.
  absl::Status Run();
  // Gives up the rows that are left. Parameters are unbound.
  void Reset();

  bool IsNull(int column) const;
  std::string Bytes(int column) const;
  int64_t Number(int column) const;

 private:
  friend class Database;
  struct Finalizer {
    void operator()(sqlite3_stmt* statement) const;
  };
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}

  std::unique_ptr<sqlite3_stmt, Finalizer> statement_;
  int bind_result_ = 0;  // The first failure of a bind; told by the next Step.
};

// One connection to a SQLite file. A resource, not thread-safe: one user at a time.
//
// Errors: ResourceExhausted when there is no space left, Unavailable for other trouble with the
// file (it may pass), DataLoss when what is in the file cannot be, Internal for our mistakes.
class Database {
 public:
  Database() = default;

  // The file has to exist (it may be empty).
  static absl::StatusOr<Database> Open(const std::string& path);

  absl::StatusOr<Statement> Prepare(std::string_view sql);
  // One or more statements, rows ignored.
  absl::Status Execute(const std::string& sql);
  // The single value of the single row.
  absl::StatusOr<int64_t> QueryNumber(std::string_view sql);
  absl::StatusOr<std::string> QueryText(std::string_view sql);
  // Undoes the open transaction, when there is one.
  void Rollback();

 private:
  struct Closer {
    void operator()(sqlite3* connection) const;
  };
  std::unique_ptr<sqlite3, Closer> connection_;
};

}  // namespace muster::coordinator
