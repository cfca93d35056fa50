// A log in a folder of its own, and the ways in which somebody changes it.
#pragma once
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>

#include "audit/log.h"
#include "audit/verify.h"

namespace holdfast::audit {

#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool sanitized = true;  // several times slower
#else
inline constexpr bool sanitized = false;
#endif

inline Event event_of(const std::string& action, const std::string& target = "one/m1") {
  return {.action = action,
          .actor = "operator",
          .from = "administration",
          .target = target,
          .reason = "a test",
          .request_id = "req_1",
          .before = {{"out", false}},
          .after = {{"out", true}}};
}

class AuditFolder : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "audit-XXXXXX";
    base_ = ::mkdtemp(name.data());
    folder_ = base_ + "/audit";
  }
  void TearDown() override { std::filesystem::remove_all(base_); }

  Result<std::unique_ptr<Log>> open(OpenAppend with = open_append) {
    return Log::open(folder_, {}, clock_, std::move(with));
  }

  // A log of `entries` that are signed for; the first is log.began.
  void fill(std::uint64_t entries) {
    auto log = open();
    ASSERT_TRUE(log) << log.error().detail;
    while ((*log)->status().entries < entries) {
      Event event = event_of("target.drain");
      event.reason = "number " + std::to_string((*log)->status().entries);
      ASSERT_TRUE((*log)->append(event));
    }
    ASSERT_TRUE((*log)->checkpoint());
  }

  std::string read(const std::string& name) const {
    std::ifstream file(folder_ + "/" + name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ + "/" + name, std::ios::binary | std::ios::trunc) << text;
  }
  std::vector<std::string> lines() const {
    std::istringstream text(read("entries.jsonl"));
    std::vector<std::string> out;
    for (std::string line; std::getline(text, line);) out.push_back(line);
    return out;
  }
  void write_lines(const std::vector<std::string>& all) const {
    std::string text;
    for (const std::string& line : all) text += line + "\n";
    write("entries.jsonl", text);
  }
  PublicKey key() const { return *read_public_key(folder_); }
  std::string last_note_text() const {
    const auto reader = Reader::open(folder_);
    return (*reader->last_signed(key()))->note;
  }

  // The names of what is found, in order, each once.
  std::vector<std::string> findings(const std::vector<std::string>& elsewhere = {}) const {
    const auto report = verify_folder(folder_, key(), elsewhere);
    std::vector<std::string> out;
    if (!report) return {report.error().detail};
    for (const Problem& one : report->problems)
      if (out.empty() || out.back() != to_string(one.finding))
        out.emplace_back(to_string(one.finding));
    return out;
  }

  std::string base_, folder_;
  ManualClock clock_;
};

}  // namespace holdfast::audit
