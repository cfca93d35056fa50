// The files that a Log appends to, opened together.
#pragma once
#include <memory>

#include "audit/log.h"

namespace holdfast::audit {

struct Log::Files {
  std::unique_ptr<AppendFile> entries, nodes, ends, checkpoints;

  static Result<std::unique_ptr<Files>> open(const Paths& paths, const OpenAppend& open_one);
};

}  // namespace holdfast::audit
