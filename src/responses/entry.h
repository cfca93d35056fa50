// One kept response.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace holdfast::responses {

struct Entry {
  std::string owner;     // the client key's name; empty: no keys are configured
  std::string id;        // as the client was told it
  std::string previous;  // the id that it went on from; empty: none
  std::string kept_by;   // the provider that keeps it too, under the same id; empty: nobody
  std::int64_t created_us = 0;
  std::string input;     // JSON: the items that were asked, those before `previous` not among them
  std::string response;  // JSON: the response object

  std::size_t bytes() const {
    return owner.size() + id.size() + previous.size() + kept_by.size() + input.size() +
           response.size();
  }
};
using SharedEntry = std::shared_ptr<const Entry>;  // null: there is none

// A conversation, up to and with one response.
struct Chain {
  std::vector<SharedEntry> entries;  // the oldest first; empty: there is no such response
  std::string missing;  // the id that the oldest of them went on from, and that is not there
};

}  // namespace holdfast::responses
