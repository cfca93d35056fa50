// `holdfast audit ...`: looks at an audit log and says whether it is what was signed for. Needs no
// running gateway; of somebody else's log the exported files and the public key are enough.
#pragma once
#include <string>

#include "cli/command.h"

namespace holdfast::cli {

struct AuditArguments {
  std::string state_dir;     // --state
  std::string exported;      // --export: a folder that `export` wrote; empty: the state's log
  std::string key;           // --key: a public key, or the file of one; empty: the log's own
  std::string checkpoint;    // --checkpoint: a file with a note that was kept
  std::string records;       // --records: a state directory whose records are held against the log
  std::string proof;         // --proof: a file of `prove`
  std::string entry;         // --entry: an index; empty: prove that it goes on from --checkpoint
  std::string to;            // --to: the folder that `export` makes
  std::string lines = "10";  // --lines
};

// `verb`: verify, prove, export, tail or key. Exit codes: 0 ok, 1 usage, 2 the log is not what was
// signed for, 4 its files cannot be read.
Outcome audit_verb(const std::string& verb, const AuditArguments& arguments, bool json);

}  // namespace holdfast::cli
