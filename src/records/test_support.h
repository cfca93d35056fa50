// What the tests of this room share: a state directory in memory, a disk that fills up, attempts.
#pragma once
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/check.h"
#include "records/drain.h"
#include "records/schema.h"

namespace holdfast::records {

// In memory where there is room: these tests commit thousands of transactions.
class StateFolder {
 public:
  StateFolder() {
    std::error_code error;
    const auto memory = std::filesystem::space("/dev/shm", error);
    const bool room = !error && memory.available > (256U << 20U) && memory.available != ~0ULL;
    path_ = (room ? "/dev/shm/" : testing::TempDir()) + std::string("holdfast-XXXXXX");
    HF_CHECK(::mkdtemp(path_.data()) != nullptr);
  }
  ~StateFolder() { std::filesystem::remove_all(path_); }
  StateFolder(const StateFolder&) = delete;
  StateFolder& operator=(const StateFolder&) = delete;
  const std::string& path() const { return path_; }

  // The paths of the journal files whose names end so, in the order of their names.
  std::vector<std::string> journals(const std::string& ending = ".journal") const {
    std::vector<std::string> paths;
    if (!std::filesystem::exists(journal_path(path_))) return paths;
    for (const auto& entry : std::filesystem::directory_iterator(journal_path(path_)))
      if (entry.path().string().ends_with(ending)) paths.push_back(entry.path());
    std::ranges::sort(paths);
    return paths;
  }
  std::int64_t ask(std::string_view sql) const {
    auto database = store::Database::open(database_path(path_), store::Access::read);
    if (!database) return -1;
    return database->integer(sql).value_or(-1);
  }

 private:
  std::string path_;
};

inline std::string read_file(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}
inline void write_file(const std::string& path, std::string_view bytes) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

// Attempts of these tests start in 1970.
inline Settings keep_all() {
  Settings settings;
  settings.keep = std::chrono::hours(24 * 365 * 200);
  return settings;
}

// Takes `room` bytes, and then nothing.
struct FullDisk final : JournalDisk {
  std::size_t room = 1U << 30U;
  bool broken = false;  // not even a file can be made
  int made = 0;
  int create(const std::string& path) override {
    if (broken) return -EIO;
    ++made;
    return system_disk().create(path);
  }
  ssize_t write(int descriptor, std::span<const char> bytes) override {
    const std::size_t size = std::min(room, bytes.size());
    if (size == 0) return -ENOSPC;
    room -= size;
    return system_disk().write(descriptor, bytes.first(size));
  }
  void close(int descriptor) override { system_disk().close(descriptor); }
  int remove(const std::string& path) override { return system_disk().remove(path); }
};

inline AttemptStart start_of(std::string_view request_id, std::int64_t started_us = 1'000'000) {
  AttemptStart start;
  start.request_id = request_id;
  start.started_us = started_us;
  start.logical_model = "chat";
  start.provider = "openai";
  start.model = "gpt-4o-mini";
  start.features = bit(Feature::stream) | bit(Feature::tools);
  return start;
}
inline AttemptEnd end_of(std::uint64_t serial) {
  AttemptEnd end;
  end.serial = serial;
  end.ended_us = 2'000'000;
  end.status = 200;
  end.answer_status = 200;
  end.tokens_in = 11;
  end.tokens_out = 7;
  end.first_content_us = 120'000;
  end.total_us = 1'000'000;
  end.bytes_sent = 300;
  end.bytes_received = 900;
  end.committed = true;
  end.continuation = true;
  end.usage_from_provider = true;
  end.upstream_request_id = "up-1";
  return end;
}

}  // namespace holdfast::records
