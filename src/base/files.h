// Files and folders that last: what a call has made is on the disk when it returns, with its name.
// Any thread.
#pragma once
#include <sys/types.h>

#include <string>
#include <string_view>

#include "base/error.h"

namespace holdfast {

// "cannot WHAT PATH: " and what errno says.
std::unexpected<Error> io_failure(std::string_view what, const std::string& path);

// All of `bytes`, or an error after which it is not known how many.
//   path     for the message
//   errors   io
Result<void> write_all(int descriptor, std::string_view bytes, const std::string& path);

// Makes the name of `path` last, whose bytes are synced already.   errors   io
Result<void> sync_folder_of(const std::string& path);

// Replaces a small file: a crash leaves the old one or the new one. It is written as PATH.next
// first, so two at once must not.   errors   io
Result<void> replace_file(const std::string& path, std::string_view bytes, mode_t mode = 0600);

// Makes the folder where there is none, and those above it.
//   mode     of the folder itself; those above it get what the umask leaves
//   errors   io
Result<void> make_folder(const std::string& path, mode_t mode = 0700);

}  // namespace holdfast
