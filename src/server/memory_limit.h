// How much memory there is for this process.
#pragma once
#include <cstdint>
#include <string>

namespace holdfast::server {

// Half of what the control group allows, or of the machine's memory where that is less: what bodies
// and buffers may hold when nobody has said (server.memory_limit). Blocks on the disk.
//   root   "/", elsewhere in tests
std::uint64_t usual_memory_limit(const std::string& root = "/");

}  // namespace holdfast::server
