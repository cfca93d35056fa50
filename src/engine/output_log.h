// What a child process prints: kept in a file of bounded size, its last lines in memory.
#pragma once
#include <string>
#include <string_view>

#include "engine/process.h"

namespace holdfast::engine {

class OutputLog {
 public:
  static constexpr std::size_t file_bytes = 1U << 20U;  // then it becomes PATH.1
  static constexpr std::size_t tail_bytes = 4096;

  // An empty path keeps the tail only.
  explicit OutputLog(std::string path) : path_(std::move(path)) {}
  // Begins a new file for a new process; the one before becomes PATH.1. A file that cannot be
  // written is done without.
  void start();
  // Takes what `fd` holds now, at most some pipes full.   false: the other side has closed it
  bool drain(int fd);
  // The last `lines` lines, the empty ones left out, on one line.
  std::string tail(std::size_t lines) const;

 private:
  void append(std::string_view bytes);
  std::string path_;
  std::string tail_;
  Descriptor file_;
  std::size_t written_ = 0;
};

}  // namespace holdfast::engine
