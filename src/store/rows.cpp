#include "store/rows.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <vector>

#include "store/database.h"

namespace holdfast::store {
namespace {

// What SQLite is told with the table's name.
struct Offer {
  std::string columns;  // as in CREATE TABLE
  Rows& rows;
};
struct Table : sqlite3_vtab {
  explicit Table(Offer& of) : sqlite3_vtab{}, offer(of) {}
  Offer& offer;
};
struct Cursor : sqlite3_vtab_cursor {
  explicit Cursor(Rows& of, std::size_t columns)
      : sqlite3_vtab_cursor{}, rows(of), values(columns) {}
  Rows& rows;
  std::vector<Value> values;
  bool at_row = false;
  std::int64_t number = 0;
};
Cursor& of(sqlite3_vtab_cursor* cursor) { return *static_cast<Cursor*>(cursor); }

int connect(sqlite3* handle, void* data, int /*count*/, const char* const* /*arguments*/,
            sqlite3_vtab** table, char** /*error*/) {
  Offer& offer = *static_cast<Offer*>(data);
  const int declared =
      sqlite3_declare_vtab(handle, fmt::format("CREATE TABLE rows({})", offer.columns).c_str());
  if (declared == SQLITE_OK) *table = new Table(offer);
  return declared;
}
int disconnect(sqlite3_vtab* table) {
  delete static_cast<Table*>(table);
  return SQLITE_OK;
}
int choose_index(sqlite3_vtab* /*table*/, sqlite3_index_info* /*info*/) { return SQLITE_OK; }
int open(sqlite3_vtab* table, sqlite3_vtab_cursor** cursor) {
  const Offer& offer = static_cast<Table*>(table)->offer;
  const auto commas = static_cast<std::size_t>(std::ranges::count(offer.columns, ','));
  *cursor = new Cursor(offer.rows, commas + 1);
  return SQLITE_OK;
}
int close(sqlite3_vtab_cursor* cursor) {
  delete static_cast<Cursor*>(cursor);
  return SQLITE_OK;
}
int next(sqlite3_vtab_cursor* cursor) {
  Cursor& at = of(cursor);
  at.at_row = at.rows.next(at.values);
  ++at.number;
  return SQLITE_OK;
}
int filter(sqlite3_vtab_cursor* cursor, int /*index*/, const char* /*name*/, int /*count*/,
           sqlite3_value** /*arguments*/) {
  of(cursor).rows.begin();
  return next(cursor);
}
int at_end(sqlite3_vtab_cursor* cursor) { return of(cursor).at_row ? 0 : 1; }
int column(sqlite3_vtab_cursor* cursor, sqlite3_context* context, int index) {
  const Value& value = of(cursor).values[static_cast<std::size_t>(index)];
  if (const auto* number = std::get_if<std::int64_t>(&value)) {
    sqlite3_result_int64(context, *number);
  } else if (const auto* text = std::get_if<std::string_view>(&value)) {
    // A null pointer would be NULL.
    sqlite3_result_text(context, text->empty() ? "" : text->data(), static_cast<int>(text->size()),
                        SQLITE_STATIC);
  }
  return SQLITE_OK;  // without a result: NULL
}
int row_number(sqlite3_vtab_cursor* cursor, sqlite3_int64* number) {
  *number = of(cursor).number;
  return SQLITE_OK;
}

// Without xCreate: it is there as soon as it is named, and nobody can make another.
constexpr sqlite3_module make_module() {
  sqlite3_module made{};
  made.xConnect = connect;
  made.xBestIndex = choose_index;
  made.xDisconnect = disconnect;
  made.xOpen = open;
  made.xClose = close;
  made.xFilter = filter;
  made.xNext = next;
  made.xEof = at_end;
  made.xColumn = column;
  made.xRowid = row_number;
  return made;
}
constexpr sqlite3_module module = make_module();

}  // namespace

Result<void> Database::offer(const std::string& name, const std::string& columns, Rows& rows) {
  return offer_module(name, &module, new Offer{columns, rows},
                      [](void* data) { delete static_cast<Offer*>(data); });
}

}  // namespace holdfast::store
