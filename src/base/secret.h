// A value that must never be shown: it has no way into a log line, and its memory is wiped.
#pragma once
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace holdfast {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept : value_(std::move(other.value_)) { other.wipe(); }
  Secret& operator=(const Secret&) = default;
  Secret& operator=(Secret&& other) noexcept {
    wipe();
    value_ = std::move(other.value_);
    other.wipe();
    return *this;
  }
  ~Secret() { wipe(); }

  // The one way to the value: search for `reveal` to see who touches secrets.
  std::string_view reveal() const { return value_; }
  bool empty() const { return value_.empty(); }

 private:
  void wipe() {
    explicit_bzero(value_.data(), value_.size());
    value_.clear();
  }
  std::string value_;
};

// Whether the two are equal, in a time that depends on the length of `offered` alone.
bool equal_in_constant_time(std::string_view offered, std::string_view expected);

}  // namespace holdfast
