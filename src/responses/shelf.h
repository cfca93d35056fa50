// The table of kept responses: one connection, used by one thread at a time.
#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "responses/entry.h"
#include "responses/settings.h"
#include "store/database.h"

namespace holdfast::responses {

struct Removal {
  std::string owner, id;
};
using Change = std::variant<SharedEntry, Removal>;

class Shelf {
 public:
  // The one that writes: makes the file when it is not there, for its owner's eyes only. What is
  // deleted is overwritten.
  //   errors   as store::Database::open and migrate
  static Result<Shelf> open(const std::string& path);
  // One that reads what the other has committed.   errors   io
  static Result<Shelf> open_reader(const std::string& path);
  Shelf(Shelf&&) noexcept;
  Shelf& operator=(Shelf&&) = delete;
  ~Shelf();

  // All changes in their order, or none. An entry takes the place of an older one of its owner's
  // with the same id. Returns, for each change, whether it changed anything.   errors   io
  Result<std::vector<bool>> apply(std::span<const Change> changes);
  // Null: there is none.   errors   io; deadline_exceeded: it took longer than `limit`
  Result<SharedEntry> find(std::string_view owner, std::string_view id,
                           std::chrono::milliseconds limit);
  // Deletes one batch of what is too old or too much. Returns whether more is to be deleted.
  Result<bool> retain(const Settings& settings, std::int64_t wall_us);
  // Makes the files as small as what is in them: what was deleted is in none of them then.
  Result<void> shrink();

 private:
  struct Statements;
  explicit Shelf(store::Database database);
  Result<void> prepare(bool writes);

  store::Database database_;
  std::unique_ptr<Statements> statements_;
};

}  // namespace holdfast::responses
